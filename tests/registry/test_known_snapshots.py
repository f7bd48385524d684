"""What a node remembers of a registry: bounded, and shared between snapshots where it is alike."""

from __future__ import annotations

import pytest
import yaml

from xroad_lite.registry import KnownSnapshots, Snapshot, read_source
from xroad_lite.registry.known import KEPT
from xroad_lite.testing import CIVIL, HEALTH, two_agency_instance

NOW = 1_790_000_000.0
BIRTHS = "agreements/births-1.yaml"


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Of the two agencies."""
    return read_source(two_agency_instance(tmp_path_factory.mktemp("instance"), now=NOW).source)


def snapshot(documents: dict[str, bytes], version: int, like: Snapshot | None = None) -> Snapshot:
    """These documents as a snapshot of a version, published a minute after the one before."""
    made = Snapshot.draft(documents, version=version, published=NOW + 60 * version)
    return Snapshot(made.edition, documents, like)


def test_earlier_snapshots_are_let_go_of_and_read_again(documents: dict[str, bytes]) -> None:
    """Of those that were known few stay in memory; which one was superseded when, stays known."""
    made = {one.name: one for one in (snapshot(documents, number) for number in range(1, 31))}
    names, asked = list(made), []

    def read(name: str) -> Snapshot | None:
        asked.append(name)
        return made[name]

    known = KnownSnapshots(made[names[0]], read=read)
    for name in names[1:]:
        known.adopt(made[name])
    assert len(known._earlier) == KEPT
    for name in (names[28], names[2], names[2]):
        found = known.get(name)
        assert found is made[name]
    assert asked == [names[2]]
    assert known.superseded_at(made[names[2]]) == NOW + 60 * 4
    assert known.superseded_at(made[names[29]]) is None
    assert known.get("7:" + "A" * 43) is None
    assert asked == [names[2]]


def test_what_did_not_change_is_not_read_anew(documents: dict[str, bytes]) -> None:
    """A new snapshot shares the documents of the one before it, but for those that changed."""
    first = snapshot(documents, 1)
    first.read()
    member = yaml.safe_load(documents["members/health.yaml"]) | {"contact": "new@health.example"}
    changed = documents | {"members/health.yaml": yaml.safe_dump(member).encode()}
    second = snapshot(changed, 2, first)
    second.read()
    before = {one.member: one for one in first.members}
    assert [one for one in second.members if before[one.member] is not one] == [
        second.party(HEALTH).member  # type: ignore[union-attr]
    ]
    assert second.party(HEALTH).member.contact == "new@health.example"  # type: ignore[union-attr]
    assert second.party(CIVIL).member is first.party(CIVIL).member  # type: ignore[union-attr]
    assert all(map(lambda a, b: a is b, first.agreements, second.agreements))
    assert second.subject("health.birth") is first.subject("health.birth")


def test_another_text_under_the_same_path_is_read(documents: dict[str, bytes]) -> None:
    """Sharing goes by the bytes: a path alone says nothing."""
    first = snapshot(documents, 1)
    first.read()
    text = yaml.safe_load(documents[BIRTHS]) | {"title": {"en": "Another"}}
    second = snapshot(documents | {BIRTHS: yaml.safe_dump(text).encode()}, 2, first)
    titles = {one.agreement: one.title["en"] for one in second.agreements}
    assert titles["births"] == "Another"
