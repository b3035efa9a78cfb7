"""The routes of both services as methods."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO, Self, Unpack
from urllib.parse import quote

import requests

from bookstore_client.errors import Conflict, NameTaken, NotFound, Unreachable, WrongCredentials
from bookstore_client.models import (
    MEDIA_TYPES,
    Book,
    Changes,
    ImportResult,
    Kind,
    Session,
    User,
    book_from_json,
    book_members,
    from_json,
    service_name,
)
from bookstore_client.tokens import MemoryStore, TokenStore
from bookstore_client.transport import IMPORT_TIMEOUT, LOST, Transport, payload_of

AUTH_URL = "http://localhost:5001"
BOOKS_URL = "http://localhost:5002"
PAGE = 200  # books, as many as the service gives
CHUNK = 64 * 1024  # bytes


class Bookstore:
    """One user of the pair; safe to share among threads, and with a `FileStore` among processes.

    Every method may raise a `Problem` by its `code`, `Unreachable`, or `NotLoggedIn`.
    """

    def __init__(
        self,
        auth_url: str = AUTH_URL,
        books_url: str = BOOKS_URL,
        *,
        store: TokenStore | None = None,
        attempts: int = 7,  # to send what is not answered
        connect: Callable[[], requests.Session] = requests.Session,  # for proxies and certificates
    ) -> None:
        self.auth_url = auth_url.rstrip("/")
        self.books_url = books_url.rstrip("/")
        store = store or MemoryStore()
        self._transport = Transport(self.auth_url, store, attempts=attempts, connect=connect)

    def register(self, name: str, password: str) -> Self:
        """Make a user, and log in as it."""
        try:
            self._transport.log_in(f"{self.auth_url}/register", name, password)
        except NameTaken as error:
            if not error.is_repeat:
                raise
            try:  # the user who was made by a request whose answer was lost, unless it is somebody else
                self.login(name, password)
            except WrongCredentials:
                raise error from None
        return self

    def login(self, name: str, password: str) -> Self:
        """Start a session."""
        self._transport.log_in(f"{self.auth_url}/login", name, password)
        return self

    def logout(self) -> None:
        """End the session here and in the services."""
        self._transport.log_out()

    def me(self) -> User:
        """Return the user of the session."""
        return from_json(User, self._get(f"{self.auth_url}/me"))

    def sessions(self) -> list[Session]:
        """Return where the user is logged in."""
        return [from_json(Session, each) for each in self._get(f"{self.auth_url}/sessions")["sessions"]]

    def end_session(self, session_id: str) -> None:
        """End a session of the user."""
        self._delete(f"{self.auth_url}/sessions/{quote(session_id, safe='')}")

    def books(
        self, q: str = "", *, sort: str = "id", name: str = "", author: str = "", publisher: str = ""
    ) -> Iterator[Book]:
        """Yield the books of the shelf, page after page, that have all words of `q`.

        `sort` is a member of a book, or one behind a minus; the others are whole values, in any case.
        """
        column = sort.removeprefix("-")
        filters = book_members({"name": name, "author": author, "publisher": publisher})
        query = {"limit": PAGE, "q": q, "sort": sort.replace(column, service_name(column)), **filters}
        cursor: str | None = ""
        while cursor is not None:
            page = self._get(f"{self.books_url}/books", params={**query, "cursor": cursor})
            yield from (book_from_json(each) for each in page["list_of_books"])
            cursor = page["next"]

    def book(self, book_id: int) -> Book:
        """Return one book, with the version that a change of it needs."""
        return _book_of(self._send("GET", self._book_url(book_id)))

    def add(self, name: str, author: str, publisher: str, prize: int | None = None) -> Book:
        """Put a book on the shelf, once however often it has to be sent."""
        members = book_members({"name": name, "author": author, "publisher": publisher, "prize": prize})
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        response = self._send("POST", f"{self.books_url}/books", json=members, headers=headers)
        return book_from_json(payload_of(response)["book"], response.headers["ETag"])

    def change(self, book: Book, **changes: Unpack[Changes]) -> Book:
        """Change some members of a book, or raise `Conflict` if it is no longer as `book` says."""
        headers = {"If-Match": self._version_of(book)}
        try:
            url, members = self._book_url(book.id), book_members(changes)
            return _book_of(self._send("PATCH", url, json=members, headers=headers))
        except Conflict as error:
            found = self.book(book.id)
            if error.is_repeat and all(getattr(found, name) == value for name, value in changes.items()):
                return found  # this very change, whose answer was lost
            raise

    def remove(self, book: Book) -> None:
        """Take a book off the shelf, or raise `Conflict` if it is no longer as `book` says."""
        self._delete(self._book_url(book.id), headers={"If-Match": self._version_of(book)})

    def import_books(self, file: BinaryIO, kind: Kind = "csv", *, dry_run: bool = False) -> ImportResult:
        """Put all books of a file on the shelf, or none; those that are there are skipped.

        The file is sent from its beginning. If an answer was lost, the books of that attempt were skipped.
        """
        data = file if file.seekable() else BytesIO(file.read())  # it may have to be sent again
        query, headers = {"dry_run": int(dry_run)}, {"Content-Type": MEDIA_TYPES[kind]}
        url = f"{self.books_url}/books/import"
        options = {"params": query, "data": data, "headers": headers, "timeout": IMPORT_TIMEOUT}
        response = self._send("POST", url, **options)
        return from_json(ImportResult, payload_of(response))

    def export_books(self, kind: Kind = "csv") -> Iterator[bytes]:
        """Yield the whole shelf as a file, piece by piece."""
        url = f"{self.books_url}/books/export"
        with self._send("GET", url, params={"format": kind}, stream=True) as response:
            try:
                yield from response.iter_content(CHUNK)
            except LOST as error:
                raise Unreachable("the export was cut off") from error

    def _send(self, method: str, url: str, **options: Any) -> requests.Response:
        return self._transport.send_with_token(method, url, **options)

    def _get(self, url: str, **options: Any) -> Any:
        return payload_of(self._send("GET", url, **options))

    def _delete(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        try:
            self._send("DELETE", url, headers=headers)
        except NotFound as error:
            if not error.is_repeat:
                raise

    def _book_url(self, book_id: int) -> str:
        return f"{self.books_url}/books/{book_id}"

    def _version_of(self, book: Book) -> str:
        """Return the version of a book, which a list does not give, or raise `Conflict` if it was changed."""
        found = book if book.etag else self.book(book.id)
        if found != book:
            raise Conflict(412, {"code": "precondition-failed", "detail": "the book was changed"})
        return str(found.etag)


def _book_of(response: requests.Response) -> Book:
    return book_from_json(payload_of(response), response.headers["ETag"])
