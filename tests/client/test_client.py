"""The client: each method does what it says, and what is refused is an exception of its own."""

import dataclasses
import io
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bookstore_client import Bookstore, BookstoreError, FileStore, NotLoggedIn, Tokens, Unreachable, errors

from tests.common.test_problems import codes_of_the_table
from tests.people import PASSWORD


def test_a_long_shelf_is_read_page_by_page(bookstore: Bookstore) -> None:
    rows = "".join(f"Book {number},Ann,Press,{number}\n" for number in range(450))
    bookstore.import_books(io.BytesIO(f"name,Author,Publisher,book_prize\n{rows}".encode()))

    assert [book.prize for book in bookstore.books(sort="-prize")] == list(reversed(range(450)))


def test_a_change_of_what_somebody_else_changed_is_a_conflict(bookstore: Bookstore) -> None:
    read = bookstore.add("Mort", "Ann", "Press")
    listed = next(bookstore.books())
    bookstore.change(read, publisher="Corgi")

    for stale in (read, listed):
        with pytest.raises(errors.Conflict):
            bookstore.change(stale, publisher="Gollancz")
        with pytest.raises(errors.Conflict):
            bookstore.remove(stale)
    bookstore.remove(next(bookstore.books()))


def test_what_is_refused_is_an_exception_of_its_own(
    bookstore: Bookstore, client_of: Callable[..., Bookstore]
) -> None:
    bookstore.add("Mort", "Ann", "Press")
    stranger, name = client_of(), bookstore.me().name

    with pytest.raises(errors.BookExists):
        bookstore.add("MORT", "ann", "Press")
    with pytest.raises(errors.InvalidRequest) as refused:
        bookstore.add("", "Ann", "Press")
    assert [error["pointer"] for error in refused.value.errors] == ["/name"]
    with pytest.raises(errors.WrongCredentials):
        stranger.login(name, "a wrong password")
    with pytest.raises(errors.NameTaken):
        stranger.register(name, "another password")
    with pytest.raises(NotLoggedIn):
        stranger.me()


def test_a_class_has_codes_of_the_services_and_what_has_none_is_a_bad_request(bookstore: Bookstore) -> None:
    assert set(errors.BY_CODE) <= {code for code, _ in codes_of_the_table()}
    with pytest.raises(errors.BadRequest) as refused:
        bookstore.import_books(io.BytesIO(b"\xff"))
    assert refused.value.code == "not-utf-8"


def test_passwords_are_not_tried_again_and_long_waits_are_not_waited_for(
    bookstore: Bookstore, client_of: Callable[..., Bookstore]
) -> None:
    stranger, name = client_of(), bookstore.me().name
    for number in range(5):
        with pytest.raises(errors.WrongCredentials):
            stranger.login(name, f"a wrong password {number}")

    with pytest.raises(errors.TooManyAttempts) as refused:
        stranger.login(name, PASSWORD)

    assert (refused.value.retry_after, refused.value.is_repeat) == (1, False)


@pytest.mark.parametrize(
    ("url", "error"), [("http://127.0.0.1:9", Unreachable), ("localhost:5001", BookstoreError)]
)
def test_a_service_that_is_not_there_is_unreachable(url: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        Bookstore(url, attempts=2).login("Ann", PASSWORD)


def test_the_tokens_are_their_owners_alone_and_go_with_the_session(
    bookstore: Bookstore, store: FileStore
) -> None:
    name = bookstore.me().name
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    store.path.write_text('{"name":')  # which holds none
    with pytest.raises(NotLoggedIn):
        bookstore.me()
    assert bookstore.login(name, PASSWORD).me().name == name

    bookstore.logout()

    assert not store.path.exists()
    with pytest.raises(NotLoggedIn):
        bookstore.me()


def test_stores_in_one_folder_keep_their_tokens_apart(tmp_path: Path) -> None:
    """Each has a lock of its own, so none may touch what another one is writing."""
    stores = [FileStore(tmp_path / f"ann@shop.{end}") for end in ("example", "test")]

    def save_again_and_again(store: FileStore) -> set[Tokens | None]:
        tokens = Tokens("access", f"refresh of {store.path.name}", 0)
        found = set()
        for _ in range(100):
            with store.lock():
                store.save(tokens)
                found.add(store.load())
        return found - {tokens}

    with ThreadPoolExecutor(len(stores)) as threads:
        assert list(threads.map(save_again_and_again, stores)) == [set(), set()]


def test_an_old_token_is_replaced_and_who_comes_late_takes_the_new_one(
    bookstore: Bookstore, client_of: Callable[..., Bookstore], store: FileStore
) -> None:
    first = store.load()
    assert first
    store.save(dataclasses.replace(first, expires_at=0))

    assert bookstore.me() == client_of(store).me()

    second = store.load()
    assert second
    assert second.refresh_token != first.refresh_token
    store.save(dataclasses.replace(second, access_token=first.access_token[:-1]))  # which is refused
    assert len(bookstore.sessions()) == 1


def test_a_session_that_was_ended_elsewhere_asks_for_a_login(
    bookstore: Bookstore, client_of: Callable[..., Bookstore]
) -> None:
    other = client_of().login(bookstore.me().name, PASSWORD)
    (ended,) = [session.id for session in other.sessions() if not session.current]

    other.end_session(ended)

    with pytest.raises(NotLoggedIn):
        bookstore.me()
    for odd in (ended, "?", "../sessions", f"../sessions/{other.sessions()[0].id}"):
        with pytest.raises(errors.NotFound):
            other.end_session(odd)
    assert len(other.sessions()) == 1
