"""The cache of a vocabulary gives back the vocabulary, or says that it is not its own."""

from __future__ import annotations

import pytest
from semantic_cases import schema, vocabulary

from xroad_lite.errors import SemanticsError
from xroad_lite.semantics import translator
from xroad_lite.semantics.cache import frozen, thawed


def test_a_thawed_vocabulary_is_the_same() -> None:
    """Terms, cells, codes and faults survive; translators come out with the same digest."""
    again = thawed(frozen(vocabulary()), vocabulary().digest)
    assert again == vocabulary()
    assert frozen(again) == frozen(vocabulary())
    pair = schema("health/birth"), schema("citizens/person")
    one, two = translator(*pair, vocabulary()), translator(*pair, again)
    assert (one.digest, one.source) == (two.digest, two.source)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"form":1,"digest":"other"}', b"\xff"])
def test_another_cache_is_refused(data: bytes) -> None:
    """Bytes that are no cache, or the cache of another digest, raise our error."""
    with pytest.raises(SemanticsError) as caught:
        thawed(data, vocabulary().digest)
    assert caught.value.code == "semantics.cache"


def test_a_cache_is_bound_to_its_digest() -> None:
    """The cache of one vocabulary does not pass for another's."""
    with pytest.raises(SemanticsError):
        thawed(frozen(vocabulary()), "another")
