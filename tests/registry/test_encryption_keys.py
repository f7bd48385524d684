"""The keys that a subsystem lists to be encrypted to: which is meant, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from xroad_lite.encryption import Holder, PrivateKey, new_pseudonym_key, pseudonym
from xroad_lite.registry import Agreement, pseudonyms_of
from xroad_lite.registry.encryption_keys import key_in_force
from xroad_lite.registry.models import EncryptionKey
from xroad_lite.times import to_unix

JANUARY, MARCH, MAY = (to_unix(f"2026-0{month}-01T00:00:00Z") for month in (1, 3, 5))
KEYS = [PrivateKey.generate() for _ in range(3)]


def listed(number: int, **more: str) -> EncryptionKey:
    """One entry of a member's document."""
    return EncryptionKey.model_validate(KEYS[number].public.members() | more)


def test_of_several_the_one_that_began_last_is_encrypted_to() -> None:
    """A key listed for later waits its time; one that has ended counts no more."""
    keys = [
        listed(0),
        listed(1, **{"from": "2026-02-01T00:00:00Z", "until": "2026-04-01T00:00:00Z"}),
        listed(2, **{"from": "2027-01-01T00:00:00Z"}),
    ]
    found = [key_in_force(keys, at) for at in (JANUARY, MARCH, MAY)]
    assert found == [KEYS[0].public, KEYS[1].public, KEYS[0].public]
    assert key_in_force(keys[1:2], MAY) is None
    assert key_in_force([listed(0), listed(1)], MAY) == KEYS[1].public


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"d": "A" * 43}, "private part"),
        ({"crv": "P-384"}, "P-256"),
        ({"x": "AAAA"}, "pattern"),
        ({"from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "before it begins"),
    ],
)
def test_what_is_no_public_key_on_the_curve_is_refused(more: dict[str, str], problem: str) -> None:
    """With its reason, when the document is read."""
    with pytest.raises(ValidationError, match=problem):
        listed(0, **more)


def test_a_person_has_one_pseudonym_per_agreement_that_the_party_can_unwrap() -> None:
    """Agreements without a key, or with one for others, are left out."""
    me, other = "DEMO/GOV/A/a", "DEMO/GOV/B/b"

    def agreement(name: str, parties: list[tuple[str, PrivateKey]]) -> tuple[str, Agreement]:
        iri = f"https://demo.example/agreements/{name}/1"
        wraps = [(party, key.public) for party, key in parties]
        key = new_pseudonym_key(iri, wraps) if wraps else None
        return iri, Agreement.model_construct(agreement=name, version=1, pseudonym_key=key)

    both = [(me, KEYS[0]), (other, KEYS[1])]
    agreements = dict([agreement("one", both), agreement("two", both)])
    agreements |= dict([agreement("theirs", both[1:]), agreement("none", [])])
    mine = Holder(me, [KEYS[0]])
    found = pseudonyms_of("12345", agreements, mine)
    theirs = pseudonyms_of("12345", agreements, Holder(other, [KEYS[1]]))
    assert found.items() < theirs.items()
    assert set(found) == {f"https://demo.example/agreements/{one}/1" for one in ("one", "two")}
    assert len(set(found.values())) == 2
    for iri, name in found.items():
        key = mine.pseudonym_key(iri, agreements[iri].pseudonym_key or "")
        assert name == pseudonym(key, "12345")
    assert not pseudonyms_of("12345", agreements, Holder(me))
