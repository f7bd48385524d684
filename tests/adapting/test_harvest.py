"""Each version of each item is published once, whatever is killed, however late it comes."""

import random

import pytest

from xroad_lite import Columns, Harvest, Item, RefusedError, XRoadError
from xroad_lite.testing import Clock, two_agencies

COLUMNS = Columns.of({"id": "identifier.0.value", "born": "birthDate"}, {"resourceType": "Patient"})


@pytest.fixture(scope="module")
def world():
    """Two agencies, and what the Civil Registry has heard."""
    with two_agencies() as made:
        made.civil.heard = []

        @made.civil.subscribe("health.birth")
        def hear(message):
            made.civil.heard.append(
                (message.body["identifier"][0]["value"], message.body["birthDate"])
            )

        yield made


def heard(world):
    """What came to the Civil Registry since it was last asked."""
    world.settle()
    found, world.civil.heard[:] = list(world.civil.heard), []
    return found


def item(key, born="2026-03-14", watermark=None):
    """A birth as a row."""
    return Item(key, {"id": key, "born": born}, watermark)


def test_inserted_and_changed_items_are_published_once(world):
    """What was seen before in the same version is not published again."""
    harvest = Harvest(world.health, "once", "health.birth", columns=COLUMNS)
    assert harvest.take(lambda _: [item("a"), item("b")]) == 2
    assert harvest.take(lambda _: [item("a"), item("b", "2026-03-15"), item("c")]) == 2
    assert harvest.take(lambda _: [item("a"), item("b"), item("c")]) == 1
    assert heard(world) == [
        ("a", "2026-03-14"),
        ("b", "2026-03-14"),
        ("b", "2026-03-15"),
        ("c", "2026-03-14"),
        ("b", "2026-03-14"),
    ]


def test_what_is_refused_is_told_once_with_its_reason(world):
    """The others of its batch are published; a corrected version goes."""
    told = []
    harvest = Harvest(world.health, "refused", "health.birth", columns=COLUMNS)
    rows = [item("r1"), item("r2", "yesterday"), item("r3")]
    assert harvest.take(lambda _: rows, told.extend) == 3
    assert [(one.key, bool(reason)) for one, reason in told] == [
        ("r1", False),
        ("r2", True),
        ("r3", False),
    ]
    assert "birthDate" in told[1][1]
    assert harvest.take(lambda _: rows, told.extend) == 0
    assert harvest.take(lambda _: [rows[0], item("r2"), rows[2]]) == 1
    assert [key for key, _ in heard(world)] == ["r1", "r3", "r2"]


def test_what_no_item_is_to_blame_for_is_raised(world):
    """No agreement for the type: nothing is marked as refused, and all is there next time."""
    harvest = Harvest(world.health, "blameless", "citizens.person")
    row = {"identificadorNacimiento": "x", "fechaNacimiento": "2026-03-14"}
    for _ in range(2):
        with pytest.raises(RefusedError) as caught:
            harvest.take(lambda _: [Item("x", row)])
        assert caught.value.check == 6


def test_a_reader_that_breaks_keeps_what_was_committed(world):
    """Two hundred and fifty items, broken off after 220: whole batches are not read again."""
    harvest = Harvest(world.health, "broken", "health.birth", columns=COLUMNS)

    def read(_, until=None):
        for number in range(250):
            if number == until:
                raise OSError("the line is cut")
            yield item(f"n{number}")

    with pytest.raises(OSError, match="cut"):
        harvest.take(lambda since: read(since, 220))
    assert harvest.take(read) == 50
    assert len({key for key, _ in heard(world)}) == 250


def test_two_items_of_one_key_are_an_error(world):
    """Each would be a change of the other, for ever."""
    harvest = Harvest(world.health, "twins", "health.birth", columns=COLUMNS)
    with pytest.raises(XRoadError, match="key t"):
        harvest.take(lambda _: [item("t"), item("t", "2026-03-15")])


def test_an_item_may_stay_known(world):
    """A list that is empty by mistake does not make everything new."""
    for name, forget, again in (("forgets", True, 1), ("keeps", False, 0)):
        harvest = Harvest(world.health, name, "health.birth", columns=COLUMNS, forget=forget)
        assert harvest.take(lambda _: [item("k")]) == 1
        assert harvest.take(lambda _: []) == 0
        assert harvest.take(lambda _: [item("k")]) == again
    heard(world)


OVERLAP = 10


@pytest.mark.parametrize("seed", range(4))
def test_late_commits_are_found(world, seed):
    """Writers take a watermark when they begin and commit up to OVERLAP seconds later.

    However they overtake each other and the rounds, no row is lost and none comes twice.
    """
    heard(world)
    chance, clock = random.Random(seed), Clock(1000.0)
    harvest = Harvest(
        world.health, f"late-{seed}", "health.birth", columns=COLUMNS, overlap=OVERLAP, clock=clock
    )
    writers, rows, begun = [], [], 0

    def read(since):
        for watermark, key in sorted(rows):
            if since is None or watermark >= since:
                yield Item(key, {"id": key, "born": "2026-03-14"}, watermark)

    for _ in range(60):
        for _ in range(chance.randrange(3)):
            writers.append((clock.now + OVERLAP * chance.choice([0, 0.5, 1]), clock.now, begun))
            begun += 1
        clock.turn(chance.choice([1, 2, 4]))
        for writer in [one for one in writers if one[0] <= clock.now]:
            writers.remove(writer)
            rows.append((writer[1], str(writer[2])))
        if chance.random() < 0.7:
            harvest.take(read)
    rows += [(watermark, str(number)) for _, watermark, number in writers]
    harvest.take(read)
    assert sorted(int(key) for key, _ in heard(world)) == list(range(begun))


def test_the_window_moves_on(world):
    """What has been seen long enough is not read again: the window is not the whole table."""
    clock = Clock(1000.0)
    harvest = Harvest(
        world.health, "window", "health.birth", columns=COLUMNS, overlap=10, clock=clock
    )
    asked = []

    def read(since):
        asked.append(since)
        return [item(f"w{clock.now}", watermark=clock.now)]

    for _ in range(6):
        harvest.take(read)
        clock.turn(5)
    assert asked == [None, None, None, 1000.0, 1005.0, 1010.0]
    heard(world)
