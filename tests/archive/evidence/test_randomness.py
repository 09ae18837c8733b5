"""Random bytes drawn ahead."""

from concurrent.futures import ThreadPoolExecutor

from archive.evidence.randomness import Ahead


def test_nothing_is_given_out_twice() -> None:
    """Threads that draw at once get strings of their own, of the length asked for."""
    ahead = Ahead(16, 8)
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: ahead.draw(), range(2000)))
    assert len(set(drawn)) == 2000
    assert {len(each) for each in drawn} == {16}
