"""Keys that rotate under load: nobody notices, until one is retired."""

from concurrent.futures import ThreadPoolExecutor

from common.tokens.keys import read_keys
from tests.cases import own_on_sqlite
from tests.feed.ends import refused_everywhere
from tests.people import register
from tests.resilience.writers import Writers
from tests.served import ServedPair
from tests.waiting import wait_until


@own_on_sqlite  # databases have nothing to do with it
def test_no_request_notices_that_keys_rotate_until_one_is_retired(own_served_pair: ServedPair) -> None:
    pair = own_served_pair.start()
    first = register(pair)
    with Writers(first, count=4) as writers, ThreadPoolExecutor() as threads:
        rotating = threads.submit(pair.run, "auth", "keys", "rotate")
        while not rotating.done():
            newcomer = register(pair)
            assert newcomer.get("/books").status_code == 200
            assert newcomer.get("/me", "auth").status_code == 200
        rotating.result()
    assert set(writers.statuses) == {200, 201}
    assert (writers.broken, writers.refused) == ([], 0)

    current = read_keys(pair.folder / "keys.json")
    (old,) = current.verifying.keys() - {current.signing.id}
    pair.run("auth", "keys", "retire", "--force", old)

    wait_until(lambda: refused_everywhere(first), "the old keys are not forgotten")
    assert register(pair).get("/books").status_code == 200
