"""Search gives the very messages that a walk over all entries would, page by page."""

from __future__ import annotations

import random

import pytest
from scribe import REFUSED, Scribe

from xroad_lite.messagelog import Store, entries
from xroad_lite.messagelog.archive import moving
from xroad_lite.messagelog.archive.segments import ends_by_entries
from xroad_lite.messagelog.search import Criteria, Index, search, statistics
from xroad_lite.messagelog.search.index import _AT_ONCE

NOW = 1_790_000_000.0
HEALTH, CIVIL, TAX = "DEMO/GOV/HEALTH/births", "DEMO/GOV/CIVIL/registry", "DEMO/GOV/TAX/people"
LIKE = "DEMO/GOV/CIVILIAN/other"
TYPES = ("health.birth", "health.death", "tax.birth")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, es256):
    """A log of Health's with all kinds of messages, some of them archived."""
    rnd = random.Random(7)
    folder = tmp_path_factory.mktemp("search")
    store = Store(folder / "log.sqlite3")
    scribe = Scribe(store, es256)
    for number in range(60):
        at = NOW + number * 3600 - (86_400 if number % 17 == 5 else 0)  # a clock set back at times
        given = {
            "type": rnd.choice(TYPES),
            "subject": rnd.choice((None, "s-1", "s-2")),
        }
        if number % 3:
            recipient = rnd.choice((CIVIL, TAX, LIKE, None))
            scribe.send(at, recipient=recipient, **given)
            continue
        sender = {"source": rnd.choice((CIVIL, TAX)), "recipient": HEALTH}
        index = scribe.receive(at, verdict=rnd.choice((None, REFUSED)), **sender, **given)
        if rnd.random() < 0.5 and store.query("SELECT 1 FROM xl_inbox WHERE idx = ?", (index,)):
            scribe.handled(at, index)
    store.append(entries.unproven(NOW, "d" * 43, 9, registry="1:x", verdict=REFUSED))
    ends = ends_by_entries(0, store.size, 20)
    moving.archive(store, folder / "archive", ends, scribe.checkpoint(), NOW)
    yield store
    store.close()


@pytest.fixture(scope="module")
def index(filled):
    """Its index."""
    made = Index.of(filled)
    yield made
    made.close()


def walked(store):
    """Every message by a walk over the log: what a search may give."""
    found, ended = {}, {}
    for number, leaf in store.entries():
        entry = entries.read(leaf)
        if entry.kind == "outcome":
            ended[entry.fields["entry"]] = entry.fields["outcome"]
        elif entry.kind == "message":
            found[number] = entry
    return found, ended


def below(name, party):
    """Whether a subsystem is a party, or of it."""
    return name is not None and (name == party or name.startswith(f"{party}/"))


CRITERIA = [
    Criteria(),
    Criteria(type="health.birth"),
    Criteria(type="health.*"),
    Criteria(type="*.birth"),
    Criteria(subject="s-1"),
    Criteria(subject="nobody"),
    Criteria(party=CIVIL),
    Criteria(party="DEMO/GOV/CIVIL"),
    Criteria(party="DEMO/GOV/HEALTH"),
    Criteria(party="DEMO/GOV/C*"),
    Criteria(direction="in"),
    Criteria(verdict="refused"),
    Criteria(verdict="policy.no_agreement"),
    Criteria(verdict="accepted"),
    Criteria(verdict="sent"),
    Criteria(verdict="handled"),
    Criteria(since=NOW + 7200, until=NOW + 20 * 3600),
    Criteria(type="health.birth", party=TAX, subject="s-2"),
    Criteria(subject="s-1", since=NOW + 3600, verdict="sent"),
]


def meets(criteria, entry, ended):
    """The same question, asked of one entry."""
    sealed, fields = entry.attributes(), entry.fields
    verdict = fields.get("verdict", {"outcome": "sent"})
    parties = (sealed.get("source"), sealed.get("recipient"))
    wanted = criteria.party or ""
    kind = (sealed.get("type") or "").split(".")
    types = (criteria.type or "*.*").split(".")
    return (
        (criteria.type is None or all(a in ("*", b) for a, b in zip(types, kind, strict=False)))
        and (criteria.type is None or len(kind) == 2)
        and (criteria.subject is None or sealed.get("subject") == criteria.subject)
        and (
            criteria.party is None
            or ("HEALTH" in wanted)
            or any(below(one, wanted) for one in parties)
            or (
                wanted.endswith("*") and any((one or "").startswith(wanted[:-1]) for one in parties)
            )
        )
        and criteria.direction in (None, fields["direction"])
        and criteria.verdict in (None, verdict["outcome"], verdict.get("code"), ended)
        and (criteria.since is None or entry.at >= criteria.since)
        and (criteria.until is None or entry.at < criteria.until)
    )


@pytest.mark.parametrize("criteria", CRITERIA, ids=str)
def test_what_is_found_is_what_a_walk_finds(filled, index, criteria):
    """The newest first, over pages of any size without a gap or a repeat."""
    found, ended = walked(filled)
    hits = [(one.at, at) for at, one in found.items() if meets(criteria, one, ended.get(at))]
    expected = [at for _, at in sorted(hits, reverse=True)]
    assert [one.entry for one in search(index, criteria, 1000).found] == expected
    paged, before = [], None
    while True:
        page = search(index, criteria, 7, before)
        paged += [one.entry for one in page.found]
        before = page.next
        if before is None:
            break
        assert len(page.found) == 7
    assert paged == expected


def test_one_is_found_by_its_id(filled, index):
    """With all its columns."""
    at, entry = next(
        one for one in walked(filled)[0].items() if one[1].fields["direction"] == "out"
    )
    sealed = entry.attributes()
    (one,) = search(index, Criteria(id=sealed["id"])).found
    assert (one.entry, one.at, one.type, one.source) == (at, entry.at, sealed["type"], HEALTH)
    assert (one.recipient, one.direction) == (sealed.get("recipient"), "out")
    assert search(index, Criteria(id=sealed["id"][:-1] + "*")).found == ()


def test_the_numbers_add_up(filled, index):
    """Statistics count each entry once, by kind and month, and each message by its verdict."""
    found = statistics(filled, index)
    messages, ended = walked(filled)
    assert found.entries == sum(found.kinds.values()) == sum(found.months.values()) == filled.size
    assert found.kinds["message"] == sum(found.messages.values()) == len(messages)
    assert found.ended == {"handled": len(ended)}
    assert sum(found.types.values()) == len(messages) - 1
    assert found.bytes["leaves"] == sum(len(leaf) for _, leaf in filled.entries())
    assert found.archived == 20 * found.segments > 0
    assert found.bytes["segment files"] > 0


def test_an_index_takes_in_what_came_since(tmp_path, es256, monkeypatch):
    """In several steps, by several readers; outcomes change what was found before."""
    store = Store(tmp_path / "log.sqlite3")
    scribe = Scribe(store, es256)
    monkeypatch.setattr("xroad_lite.messagelog.search.index._AT_ONCE", 3)
    assert _AT_ONCE > 3
    first = scribe.receive(NOW)
    for number in range(10):
        scribe.send(NOW + number)
    steps = []
    index = Index.of(store, lambda done, total: steps.append((done, total)))
    assert steps == [(3, 11), (6, 11), (9, 11), (11, 11)]
    assert len(search(index, Criteria(verdict="sent")).found) == 10
    scribe.handled(NOW, first)
    other = Index.of(Store(store.path, readonly=True))
    assert [one.entry for one in search(other, Criteria(verdict="handled")).found] == [first]
    assert statistics(store, other).entries == 12
    assert sum(statistics(store, other).kinds.values()) == 12


def test_an_index_of_another_log_is_made_anew(tmp_path, es256):
    """A log that was set back or replaced, a broken file: nothing old is found."""
    for name, subject in (("one", "s-1"), ("two", "s-2")):
        store = Store(tmp_path / f"{name}.sqlite3")
        scribe = Scribe(store, es256)
        for number in range(5):
            scribe.send(NOW + number, subject=subject)
        Index.of(store).close()
        store.settle()
        store.close()
    (tmp_path / "one.sqlite3-search").replace(tmp_path / "two.sqlite3-search")
    store = Store(tmp_path / "two.sqlite3", readonly=True)
    index = Index.of(store)
    assert len(search(index, Criteria(subject="s-2")).found) == 5
    assert search(index, Criteria(subject="s-1")).found == ()
    index.close()
    (tmp_path / "two.sqlite3-search").write_bytes(b"no index" * 2000)
    index = Index.of(store)
    assert len(search(index, Criteria(subject="s-2")).found) == 5


def test_where_no_file_can_be_written_a_log_is_searched_too(tmp_path, es256):
    """The index then lives as long as the search."""
    store = Store(tmp_path / "log.sqlite3")
    Scribe(store, es256).send(NOW, subject="s-1")
    (tmp_path / "log.sqlite3-search").mkdir()
    index = Index.of(store)
    assert len(search(index, Criteria(subject="s-1")).found) == 1
