"""Order per routing key when a broker refuses some of what is in flight, without a broker."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from worlds import parcel

from xroad_lite.transports.contract import Outcome
from xroad_lite.transports.rabbitmq.probation import Probation

SEND = Outcome.CONFIRMED


def test_the_first_goes_alone() -> None:
    """Others for the same key wait for its confirm; other keys do not."""
    probation = Probation()
    first, second, third = (parcel(tag, "x") for tag in range(3))
    assert probation.admit("k", first) is SEND
    assert probation.admit("k", second) is None
    assert probation.admit("other", third) is SEND
    assert probation.parked == 1
    assert list(probation.settle("k", Outcome.CONFIRMED)) == [second]
    assert probation.parked == 0
    assert probation.admit("k", second) is SEND
    assert probation.admit("k", third) is SEND


def test_a_refusal_holds_until_it_is_seen() -> None:
    """What is parked, and what comes before the caller knows, has the same outcome."""
    probation = Probation()
    first, second = parcel(1, "x"), parcel(2, "x")
    probation.admit("k", first)
    probation.admit("k", second)
    assert list(probation.settle("k", Outcome.UNROUTABLE)) == [second]
    assert probation.admit("k", second) is Outcome.UNROUTABLE
    probation.seen()
    assert probation.admit("k", first) is SEND
    assert probation.admit("k", second) is None


@given(st.lists(st.booleans(), max_size=40), st.lists(st.booleans(), max_size=40))
def test_a_broker_that_changes_its_mind_gets_them_in_order(
    taken: list[bool], seen: list[bool]
) -> None:
    """However it rejects, what it takes is in order, if the caller starts again with the oldest."""
    probation, took, waiting = Probation(), list[int](), list(range(10))
    for accepts, looks in zip([*taken, *[True] * 20], [*seen, *[True] * 60], strict=False):
        refused: list[int] = []
        while waiting:
            tag = waiting.pop(0)
            verdict = probation.admit("k", parcel(tag, "x"))
            if verdict is SEND:
                outcome = Outcome.CONFIRMED if accepts else Outcome.REJECTED
                parked = [one.tag for one in probation.settle("k", outcome)]
                took += [tag] if accepts else []
                refused += [] if accepts else [tag, *parked]
                waiting = parked + waiting if accepts else waiting
            elif verdict is not None:
                refused.append(tag)
        if looks:
            probation.seen()
        waiting = sorted(refused)
    assert took == sorted(took)
