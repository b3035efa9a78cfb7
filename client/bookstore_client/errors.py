"""What can go wrong: a problem document of a service (RFC 9457) is an exception by its `code`."""

from collections.abc import Mapping, Sequence
from typing import Any

import requests

PROBLEM_JSON = "application/problem+json"
BY_CODE: dict[str, type["Problem"]] = {}


class BookstoreError(Exception):
    """The base of all that this package raises."""


class Unreachable(BookstoreError):
    """The service did not answer, however often it was asked."""


class NotLoggedIn(BookstoreError):
    """There is no session, or it has ended: log in."""


class Problem(BookstoreError):
    """A service refused the request."""

    def __init_subclass__(cls, *, codes: Sequence[str] = ()) -> None:
        BY_CODE.update(dict.fromkeys(codes, cls))

    def __init__(
        self,
        status: int,
        document: Mapping[str, Any],
        *,
        is_repeat: bool = False,  # whether an earlier answer to the request may have been lost
        retry_after: float = 0,  # seconds
    ) -> None:
        self.status = status
        self.is_repeat = is_repeat
        self.retry_after = retry_after
        self.code = str(document.get("code", ""))
        self.detail = str(document.get("detail", f"the service answered {status}"))
        self.errors: list[dict[str, Any]] = document.get("errors", [])
        self.error_count = int(document.get("error_count", len(self.errors)))
        super().__init__("\n".join([self.detail, *self._complaints()]))

    def _complaints(self) -> list[str]:
        """Return a line for each part of the request, or row of the file, that breaks a rule."""
        lines = [f"  {_place_of(error)}{error.get('detail', '')}" for error in self.errors]
        more = self.error_count - len(lines)
        return [*lines, f"  and {more} more"] if more > 0 else lines


class BadRequest(Problem):
    """The service does not take such a request, or such a file; its `code` has no class of its own."""


class BodyLost(Problem, codes=["broken-body", "request-timeout"]):
    """The body of the request did not arrive whole."""


class InvalidRequest(Problem, codes=["invalid-request", "key-reused"]):
    """Parts of the request, or rows of the file, break a rule; `errors` lists the first 100."""


class WrongCredentials(Problem, codes=["wrong-credentials", "wrong-password"]):
    """Name or password is wrong."""


class TokenRejected(Problem, codes=["token-expired", "token-invalid", "token-missing", "token-revoked"]):
    """The token does not let anybody in."""


class TooManyAttempts(Problem, codes=["too-many-attempts"]):
    """There were wrong passwords: wait for `retry_after` before the next try."""


class TooManyRequests(Problem, codes=["too-many-keys", "too-many-registrations", "too-many-requests"]):
    """A limit is reached; `retry_after` says for how long."""


class Forbidden(Problem, codes=["admins-only", "last-admin", "registration-closed"]):
    """The user may not do this."""


class NotFound(Problem, codes=["not-found", "not-in-feed"]):
    """There is no such book, session or address."""


class NameTaken(Problem, codes=["name-taken"]):
    """Another user has this name."""


class BookExists(Problem, codes=["book-exists"]):
    """The shelf has this name and author already."""


class ShelfFull(Problem, codes=["shelf-full"]):
    """The shelf holds as many books as it may."""


class Conflict(Problem, codes=["precondition-failed"]):
    """Somebody changed the book since it was read."""


class RequestInProgress(Problem, codes=["request-in-progress"]):
    """The same request, sent before, is still running."""


class Unavailable(Problem, codes=["internal-error", "unavailable"]):
    """The service cannot answer right now."""


def _place_of(error: Mapping[str, Any]) -> str:
    line = f"line {error['line']}: " if "line" in error else ""
    part = error.get("pointer") or error.get("parameter") or error.get("header")
    return f"{line}{part.lstrip('/')}: " if part else line


def problem_of(response: requests.Response, *, is_repeat: bool) -> Problem:
    """Return the exception for an answer that is an error."""
    is_ours = response.headers.get("Content-Type", "").startswith(PROBLEM_JSON)  # and not a proxy's
    try:
        document = response.json() if is_ours else {}
    except requests.JSONDecodeError:
        document = {}
    other = BadRequest if response.status_code < 500 else Unavailable
    kind = BY_CODE.get(str(document.get("code")), other)
    seconds = response.headers.get("Retry-After", "")
    retry_after = int(seconds) if seconds.isdecimal() else 0
    return kind(response.status_code, document, is_repeat=is_repeat, retry_after=retry_after)
