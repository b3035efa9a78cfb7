"""Refusals by a rule: HTTP answers them in one place, a command prints them."""

from collections.abc import Mapping, Sequence

CHALLENGE = 'Bearer realm="bookstore", error="invalid_token"'  # RFC 6750 section 3

Errors = Sequence[Mapping[str, str | int]]  # what is wrong: `detail`, and where


class DomainError(Exception):
    """A rule refused the request; each subclass says what the client reads."""

    status: int  # of HTTP
    code: str  # one word for one case, such as `shelf-full`
    message: str
    detail: str | None = None  # where it says more than `message`
    headers: Mapping[str, str] = {}
    errors: Errors | None = None  # what is wrong with which part
    error_count: int | None = None  # where `errors` are not all of them

    def __str__(self) -> str:
        return self.message


class InvalidRequest(DomainError):
    """Parts of the request break a rule; a subclass or an instance lists them in `errors`."""

    status = 422
    code = "invalid-request"
    message = "the request breaks the rules of this route"

    def __init__(self, errors: Errors | None = None, error_count: int | None = None) -> None:
        super().__init__(self.message)
        self.errors = self.errors if errors is None else errors
        self.error_count = error_count


class NotFound(DomainError):
    """What the address names is not there; a subclass says what that is."""

    status = 404
    code = "not-found"


class PreconditionFailed(DomainError):
    """What is to be changed or read is not the version that the request names."""

    status = 412
    code = "precondition-failed"
    message = "precondition failed"


class TokenRejected(DomainError):
    """The token does not let anybody in; `reason` goes to log and metrics, not to the client."""

    status = 401
    code = "token-invalid"
    message = "token is invalid"
    headers: Mapping[str, str] = {"WWW-Authenticate": CHALLENGE}

    def __init__(self, reason: str, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class TokenRevoked(TokenRejected):
    """The session of the token is over, or its user is disabled or deleted."""

    code = "token-revoked"
    headers: Mapping[str, str] = {"WWW-Authenticate": f'{CHALLENGE}, error_description="{code}"'}


class BrokenBody(DomainError):
    """The body did not arrive as it was announced; the message says how."""

    status = 400
    code = "broken-body"
    message = "the body of the request is broken"

    def __init__(self, message: str = message) -> None:
        super().__init__(message)
        self.message = message


class Unavailable(DomainError):
    status = 503
    code = "unavailable"
    message = "the service cannot answer right now"
    headers: Mapping[str, str] = {"Retry-After": "1"}  # seconds
