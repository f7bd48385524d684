"""When rejections call for a new connection, told with a clock of our own."""

from __future__ import annotations

from xroad_lite.transports.rabbitmq.rejections import Rejections


def test_a_key_that_is_only_rejected_becomes_overdue() -> None:
    """After a while without a confirm for the same key, whatever other keys do."""
    rejections = Rejections()
    rejections.note("full", 10.0, taken=False)
    rejections.note("other", 12.0, taken=True)
    assert not rejections.overdue(11.4)
    assert rejections.overdue(11.6)


def test_a_confirm_ends_it() -> None:
    """A queue that takes something again is not overdue."""
    rejections = Rejections()
    rejections.note("full", 10.0, taken=False)
    rejections.note("full", 11.0, taken=True)
    assert not rejections.overdue(100.0)


def test_patience_grows_while_nothing_helps() -> None:
    """Each new connection that rejects too doubles the time until the next; a confirm resets it."""
    rejections = Rejections()
    for patience in (1.5, 3, 6, 12):
        rejections.note("full", 0.0, taken=False)
        assert not rejections.overdue(patience - 0.1)
        assert rejections.overdue(patience + 0.1)
        rejections.renewed()
    rejections.note("full", 0.0, taken=False)
    rejections.note("full", 1.0, taken=True)
    rejections.note("full", 2.0, taken=False)
    assert rejections.overdue(3.6)
