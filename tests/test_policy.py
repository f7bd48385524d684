"""Policy: a table of who may say what to whom, and the rule that decides where it is refused."""

import pytest
import yaml

from xroad_lite import policy, times
from xroad_lite.errors import PolicyError
from xroad_lite.policy import ERROR_TYPE, Movement, decide, find, projection
from xroad_lite.registry import Snapshot, read_source
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE, two_agency_instance

NOW = 1_790_000_000.0
DAY = 86_400.0
TAX = "DEMO/GOV/TAX/office"
OTHER = "https://w3id.org/dpv#ServiceProvision"
NARROWER = "https://w3id.org/dpv#LegalCompliance"
BASE = "https://demo.xroad-lite.example/agreements/"
PUBLISH = Movement("publish", HEALTH, CIVIL, "health.birth", PURPOSE, NOW)
REQUEST = Movement("request", HEALTH, CIVIL, "citizens.person-query", PURPOSE, NOW)
REPLY = Movement("reply", CIVIL, HEALTH, "citizens.person", PURPOSE, NOW)

APPROVALS = []
"""What approves the documents, edited or not, for every party."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The documents of the two agencies, and of a third."""
    made = two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW)
    APPROVALS.append(made.approvals)
    return read_source(made.source)


def snapshot(documents, name=None, **changed):
    """A snapshot in which one agreement is changed, or one of another name is added."""
    if name is not None:
        like = "persons" if changed.get("operation") == "request" or name == "persons" else "births"
        path = f"agreements/{name}-{changed.get('version', 1)}.yaml"
        source = documents.get(path, documents[f"agreements/{like}-1.yaml"])
        value = yaml.safe_load(source) | {"agreement": name} | changed
        value = {key: one for key, one in value.items() if one is not None}
        documents = documents | {path: yaml.safe_dump(value).encode()}
        documents |= APPROVALS[-1](documents)
    return Snapshot.draft(documents, published=NOW, expires=NOW + DAY)


def rule(found, iri, movement):
    """The code of the rule that refuses, or None."""
    try:
        decide(found, iri, movement)
    except PolicyError as error:
        return error.code
    return None


TABLE = [
    ("births", PUBLISH, {}, None),
    ("persons", REQUEST, {}, None),
    ("persons", REPLY, {}, None),
    ("persons", REPLY, {"type": ERROR_TYPE}, None),
    ("nothing", PUBLISH, {}, "policy.no_agreement"),
    ("births/2", PUBLISH, {}, "policy.no_agreement"),
    ("births", REQUEST, {}, "policy.operation"),
    ("births", REPLY, {}, "policy.operation"),
    ("persons", PUBLISH, {}, "policy.operation"),
    ("births", PUBLISH, {"sender": CIVIL, "recipient": HEALTH}, "policy.parties"),
    ("births", PUBLISH, {"sender": TAX}, "policy.parties"),
    ("births", PUBLISH, {"recipient": TAX}, "policy.parties"),
    ("births", PUBLISH, {"recipient": None}, "policy.parties"),
    ("births", PUBLISH, {"recipient": HEALTH}, "policy.parties"),
    ("persons", REQUEST, {"sender": CIVIL, "recipient": HEALTH}, "policy.parties"),
    ("persons", REQUEST, {"sender": TAX}, "policy.parties"),
    ("persons", REQUEST, {"recipient": None}, "policy.parties"),
    ("persons", REPLY, {"recipient": TAX}, "policy.parties"),
    ("persons", REPLY, {"sender": HEALTH, "recipient": CIVIL}, "policy.parties"),
    ("births", PUBLISH, {"type": "citizens.person"}, "policy.type"),
    ("births", PUBLISH, {"type": ERROR_TYPE}, "policy.type"),
    ("persons", REQUEST, {"type": "citizens.person"}, "policy.type"),
    ("persons", REQUEST, {"type": ERROR_TYPE}, "policy.type"),
    ("persons", REPLY, {"type": "citizens.person-query"}, "policy.type"),
    ("persons", REPLY, {"type": "health.birth"}, "policy.type"),
    ("births", PUBLISH, {"purpose": OTHER}, "policy.purpose"),
    ("births", PUBLISH, {"purpose": ""}, "policy.purpose"),
    ("births", PUBLISH, {"purpose": PURPOSE + "x"}, "policy.purpose"),
    ("births", PUBLISH, {"purpose": NARROWER}, None),
    ("births", PUBLISH, {"purpose": "https://w3id.org/dpv#Purpose"}, "policy.purpose"),
    ("persons", REPLY, {"purpose": OTHER}, "policy.purpose"),
    ("births", PUBLISH, {"at": NOW - 2 * DAY}, "policy.not_in_force"),
    ("births", PUBLISH, {"at": NOW + 20 * 365 * DAY}, "policy.not_in_force"),
]


@pytest.mark.parametrize(("name", "movement", "changed", "code"), TABLE)
def test_the_table(name, movement, changed, code, documents):
    """What is allowed, and for each way to go beyond it the rule that says no."""
    iri = BASE + (name if "/" in name else f"{name}/1")
    assert rule(snapshot(documents), iri, movement._replace(**changed)) == code


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(documents):
    """From, inclusive, until, exclusive."""
    period = {"from": times.to_text(NOW), "until": times.to_text(NOW + 60)}
    found = snapshot(documents, "births", period=period)
    for moment, code in (
        (NOW - 0.001, "policy.not_in_force"),
        (NOW, None),
        (NOW + 59.999, None),
        (NOW + 60, "policy.not_in_force"),
    ):
        assert rule(found, f"{BASE}births/1", PUBLISH._replace(at=moment)) == code


def test_suspended_parties_take_no_part(documents):
    """Neither sender nor recipient, whatever their agreements say."""
    for member in ("health", "civil"):
        path = f"members/{member}.yaml"
        value = yaml.safe_load(documents[path]) | {"status": "suspended"}
        found = snapshot(documents | {path: yaml.safe_dump(value).encode()})
        for name, movement in (("births", PUBLISH), ("persons", REQUEST), ("persons", REPLY)):
            assert rule(found, f"{BASE}{name}/1", movement) == "policy.member"


def test_open_data_goes_to_everybody_and_to_nobody_in_particular(documents):
    """An open agreement names no recipient, so a message under it names none."""
    found = snapshot(documents, "births", consumer=None, open=True)
    iri = f"{BASE}births/1"
    assert rule(found, iri, PUBLISH._replace(recipient=None)) is None
    assert rule(found, iri, PUBLISH) == "policy.parties"


# finding an agreement


def test_a_publication_goes_to_every_consumer(documents):
    """One per agreement in force; a consumer with two agreements gets it once."""
    found = snapshot(documents, "for-tax", consumer=TAX)
    unsent = PUBLISH._replace(recipient=None, purpose="")
    assert find(found, unsent, None).messages == [
        (CIVIL, f"{BASE}births/1", PURPOSE),
        (TAX, f"{BASE}for-tax/1", PURPOSE),
    ]
    twice = snapshot(documents, "more-births")
    assert find(twice, unsent, None).messages == [(CIVIL, f"{BASE}births/1", PURPOSE)]


def test_an_agreement_that_does_not_hold_is_passed_over(documents):
    """Ended, suspended or for another purpose: the others still get it."""
    over = {"from": times.to_text(NOW - DAY), "until": times.to_text(NOW - 1)}
    unsent = PUBLISH._replace(recipient=None, purpose="")
    found = snapshot(documents, "for-tax", consumer=TAX, period=over)
    assert find(found, unsent, None).messages == [(CIVIL, f"{BASE}births/1", PURPOSE)]
    found = snapshot(documents, "for-tax", consumer=TAX, purposes=[OTHER])
    assert find(found, unsent, OTHER).messages == [(TAX, f"{BASE}for-tax/1", OTHER)]


def test_a_purpose_is_left_out_only_where_there_is_one(documents):
    """With two it must be said which."""
    found = snapshot(documents, "births", purposes=[PURPOSE, OTHER])
    unsent = PUBLISH._replace(recipient=None, purpose="")
    with pytest.raises(PolicyError) as caught:
        find(found, unsent, None)
    assert caught.value.code == "policy.purpose"
    assert caught.value.hint
    assert find(found, unsent, OTHER).messages == [(CIVIL, f"{BASE}births/1", OTHER)]


def test_a_request_goes_to_the_one_it_names(documents):
    """And to nobody else, also where others offer the same."""
    found = snapshot(documents)
    assert find(found, REQUEST._replace(purpose=""), None).messages == [
        (CIVIL, f"{BASE}persons/1", PURPOSE)
    ]
    for recipient in (TAX, HEALTH, "DEMO/GOV/NOBODY/x", None):
        with pytest.raises(PolicyError) as caught:
            find(found, REQUEST._replace(recipient=recipient), None)
        assert caught.value.code == "policy.no_agreement"


def test_without_any_agreement_it_is_said(documents):
    """Deny by default."""
    found = snapshot(documents)
    for movement in (
        PUBLISH._replace(sender=TAX, recipient=None),
        PUBLISH._replace(type="citizens.person", recipient=None),
    ):
        with pytest.raises(PolicyError) as caught:
            find(found, movement, None)
        assert caught.value.code == "policy.no_agreement"


def test_the_one_reason_of_the_only_agreement_is_given(documents):
    """Where one agreement is near, its own rule is the reason."""
    over = {"from": times.to_text(NOW - DAY), "until": times.to_text(NOW - 1)}
    found = snapshot(documents, "births", period=over)
    with pytest.raises(PolicyError) as caught:
        find(found, PUBLISH._replace(recipient=None), None)
    assert caught.value.code == "policy.not_in_force"


# projection


def test_a_projection_is_named_by_its_fields(documents):
    """The same set in any order has one name, another set another, the whole none."""
    agreement = snapshot(documents).agreement(f"{BASE}births/1")
    assert projection(agreement, "health.birth") is None

    def named(*fields):
        chosen = snapshot(documents, "births", fields={"health.birth": list(fields)})
        return projection(chosen.agreement(f"{BASE}births/1"), "health.birth")

    assert named("/a", "/b") == named("/b", "/a")
    assert len({named("/a"), named("/b"), named("/a", "/b"), named()}) == 4
    assert len(named("/a")) == 43
    assert policy.projection(agreement, "citizens.person") is None


def test_two_agreements_for_two_purposes_want_a_choice(documents):
    """Which purpose is sealed is never left to the order of names."""
    both = snapshot(documents, "births-too", purposes=[OTHER])
    unsent = PUBLISH._replace(recipient=None, purpose="")
    with pytest.raises(PolicyError, match="no purpose was named") as caught:
        find(both, unsent, None)
    assert caught.value.code == "policy.purpose"
    assert find(both, unsent, OTHER).messages == [(CIVIL, f"{BASE}births-too/1", OTHER)]


def test_whom_a_publication_does_not_reach_is_named_with_the_rule(documents):
    """One with several purposes and none named, one that ended; not who has another agreement."""
    over = {"from": times.to_text(NOW - DAY), "until": times.to_text(NOW - 1)}
    unsent = PUBLISH._replace(recipient=None, purpose="")
    found = find(
        snapshot(documents, "for-tax", consumer=TAX, purposes=[PURPOSE, OTHER]), unsent, None
    )
    (left_out,) = found.left_out
    assert (left_out.recipient, left_out.agreement) == (TAX, f"{BASE}for-tax/1")
    assert left_out.code == "policy.purpose"
    (left_out,) = find(
        snapshot(documents, "for-tax", consumer=TAX, period=over), unsent, None
    ).left_out
    assert left_out.code == "policy.not_in_force"
    assert find(snapshot(documents, "more-births", period=over), unsent, None).left_out == ()
