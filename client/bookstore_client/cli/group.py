"""What all commands have in common: where the services are, and how it ends if something goes wrong."""

from typing import Any

import click

from bookstore_client.cli.output import escape
from bookstore_client.client import AUTH_URL, BOOKS_URL, Bookstore
from bookstore_client.errors import BookstoreError, NotLoggedIn, Unavailable, Unreachable
from bookstore_client.tokens import STORE_ERRORS, store_for

# Exit codes, besides click's 2 for a command that cannot be understood.
REFUSED, NOT_LOGGED_IN, NO_ANSWER, INTERRUPTED = 1, 3, 4, 130

pass_store = click.make_pass_decorator(Bookstore)
json_option = click.option("--json", "as_json", is_flag=True, help="Print each as a line of JSON.")


class Failure(click.ClickException):
    """A text for people, and an exit code for programs."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.exit_code = code  # type: ignore[misc] # click reads it of the instance


class Commands(click.Group):
    """Commands that end with a line and an exit code, never with a trace."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BookstoreError as error:
            raise failure_of(error) from error
        except (KeyboardInterrupt, click.Abort) as error:
            click.echo(err=True)  # below the ^C
            raise click.exceptions.Exit(INTERRUPTED) from error
        except BrokenPipeError:  # click ends without a word
            raise
        except STORE_ERRORS as error:
            raise Failure(str(error), REFUSED) from error


@click.group(cls=Commands, context_settings={"auto_envvar_prefix": "BOOKSTORE"})
@click.option("--auth-url", default=AUTH_URL, show_default=True, show_envvar=True, help="The auth service.")
@click.option(
    "--books-url", default=BOOKS_URL, show_default=True, show_envvar=True, help="The books service."
)
@click.option(
    "--attempts", default=5, show_default=True, type=click.IntRange(1), help="How often to ask for an answer."
)
@click.version_option(package_name="bookstore-client")
@click.pass_context
def bookstore(context: click.Context, auth_url: str, books_url: str, attempts: int) -> None:
    """Keep a shelf of books.

    Exit codes: 1 refused, 2 usage, 3 not logged in, 4 no answer, 130 interrupted.
    """
    context.obj = Bookstore(auth_url, books_url, store=store_for(auth_url), attempts=attempts)


def failure_of(error: BookstoreError) -> Failure:
    """Return what a person reads of an error."""
    text = "\n".join(map(escape, str(error).splitlines()))
    if isinstance(error, NotLoggedIn):
        return Failure(f"{text}; log in with `bookstore login`", NOT_LOGGED_IN)
    return Failure(text, NO_ANSWER if isinstance(error, Unreachable | Unavailable) else REFUSED)
