"""Cases: one test for all of a kind, which lists each that failed; and the databases that a test needs."""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Test = Callable[..., None]
SUBTESTS = inspect.Parameter("subtests", inspect.Parameter.POSITIONAL_OR_KEYWORD)
NO_CASES: list[dict[str, Any]] = [{}]

# For what no SQL decides, and for what one database alone can do.
on_sqlite = pytest.mark.parametrize("pair", ["sqlite"], indirect=True, scope="session")
on_postgresql = pytest.mark.parametrize("pair", ["postgresql"], indirect=True, scope="session")
own_on_sqlite = pytest.mark.parametrize("own_pair", ["sqlite"], indirect=True)
own_on_postgresql = pytest.mark.parametrize("own_pair", ["postgresql"], indirect=True)


def every(names: str, cases: Iterable[Any]) -> Callable[[Test], Test]:
    """Run a test for each case as `pytest.mark.parametrize` does, but with one set of fixtures.

    Each case that fails is reported with its values. What the cases leave behind, all of them share.
    """
    members, all_cases = names.split(", "), list(cases)

    def decorate(decorated: Test) -> Test:
        test, inner = getattr(decorated, "corpus", (decorated, NO_CASES))
        outer = [dict(zip(members, case if len(members) > 1 else [case], strict=True)) for case in all_cases]
        corpus = [one | other for one in outer for other in inner]

        @functools.wraps(decorated)
        def run(subtests: pytest.Subtests, **fixtures: Any) -> None:
            for case in corpus:
                with subtests.test(**{name: str(value)[:50] for name, value in case.items()}):
                    test(**fixtures, **case)

        kept = [value for name, value in inspect.signature(test).parameters.items() if name not in corpus[0]]
        run.__signature__ = inspect.Signature([SUBTESTS, *kept])  # type: ignore[attr-defined] # of pytest
        run.corpus = test, corpus  # type: ignore[attr-defined] # for a decorator above this one
        return run

    return decorate
