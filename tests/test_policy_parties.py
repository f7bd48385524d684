"""Groups, members and maintenance in policy: a table of who stands for whom, and until when."""

import pytest
import yaml

from xroad_lite import times
from xroad_lite.errors import PolicyError, RegistryError
from xroad_lite.policy import Movement, decide, find
from xroad_lite.registry import Snapshot, read_source
from xroad_lite.stewardship import routes
from xroad_lite.testing import CIVIL, HEALTH, PURPOSE, two_agency_instance
from xroad_lite.transports import REPLIES

NOW, DAY = 1_790_000_000.0, 86_400.0
TAX, WELFARE = "DEMO/GOV/TAX/office", "DEMO/GOV/WELFARE/office"
BASE = "https://demo.xroad-lite.example/agreements/"
OWN = f"group:{CIVIL}/partners"
GROUPS = {
    "offices": [TAX, WELFARE],
    "institutions": ["DEMO/GOV/TAX", "DEMO/GOV/CIVIL", CIVIL],
    "nobody": [],
    "strangers": ["DEMO/GOV/NOBODY", "DEMO/GOV/NOBODY/x"],
    "all": [HEALTH, CIVIL, TAX],
}


APPROVALS = []
"""What approves the documents, edited or not, for every party."""


@pytest.fixture(scope="module")
def documents(tmp_path_factory):
    """The two agencies and three offices, five groups, and one of the Civil Registry's own."""
    instance = two_agency_instance(tmp_path_factory.mktemp("made"), now=NOW)
    APPROVALS.append(instance.approvals)
    made = read_source(instance.source)
    for name, members in GROUPS.items():
        made[f"groups/{name}.yaml"] = yaml.safe_dump({"group": name, "members": members}).encode()
    return edited(
        made, "members/civil.yaml", groups=[{"group": "partners", "members": [HEALTH, TAX]}]
    )


def edited(documents, path, **changed):
    """The documents with fields of a member's first subsystem, or of an agreement, changed."""
    value = yaml.safe_load(documents[path])
    (value["subsystems"][0] if path.startswith("members/") else value).update(changed)
    return documents | {path: yaml.safe_dump(value).encode()}


def snapshot(documents):
    """The documents, approved by every party, published."""
    documents = documents | APPROVALS[-1](documents)
    return Snapshot.draft(documents, published=NOW, expires=NOW + DAY)


def births(sender, recipient):
    """A birth from one to another."""
    return Movement("publish", sender, recipient, "health.birth", PURPOSE, NOW)


def asks(sender, recipient, at=NOW):
    """A question about a person."""
    return Movement("request", sender, recipient, "citizens.person-query", PURPOSE, at)


def answers(sender, recipient, at=NOW):
    """Its answer."""
    return Movement("reply", sender, recipient, "citizens.person", PURPOSE, at)


def rule(documents, name, movement):
    """The code of the rule that refuses, or None."""
    try:
        decide(snapshot(documents), f"{BASE}{name}/1", movement)
    except PolicyError as error:
        return error.code
    return None


TABLE = [
    (HEALTH, "DEMO/GOV/CIVIL", births(HEALTH, CIVIL), None),
    (HEALTH, "DEMO/GOV/CIVIL", births(HEALTH, TAX), "policy.parties"),
    (HEALTH, "DEMO/GOV/CIV", births(HEALTH, CIVIL), "policy.parties"),
    ("DEMO/GOV/HEALTH", CIVIL, births(HEALTH, CIVIL), None),
    ("DEMO/GOV/HEALTH", CIVIL, births(TAX, CIVIL), "policy.parties"),
    (HEALTH, "group:offices", births(HEALTH, TAX), None),
    (HEALTH, "group:offices", births(HEALTH, WELFARE), None),
    (HEALTH, "group:offices", births(HEALTH, CIVIL), "policy.parties"),
    (HEALTH, "group:offices", births(HEALTH, None), "policy.parties"),
    (HEALTH, "group:institutions", births(HEALTH, CIVIL), None),
    (HEALTH, "group:institutions", births(HEALTH, TAX), None),
    (HEALTH, "group:institutions", births(HEALTH, WELFARE), "policy.parties"),
    (HEALTH, "group:nobody", births(HEALTH, CIVIL), "policy.parties"),
    (HEALTH, "group:strangers", births(HEALTH, CIVIL), "policy.parties"),
    (HEALTH, "group:strangers", births(HEALTH, "DEMO/GOV/NOBODY/x"), "policy.member"),
    (HEALTH, "group:missing", births(HEALTH, CIVIL), "policy.parties"),
    ("group:offices", CIVIL, births(TAX, CIVIL), None),
    ("group:offices", CIVIL, births(HEALTH, CIVIL), "policy.parties"),
    ("group:all", "group:all", births(HEALTH, CIVIL), None),
    ("group:all", "group:all", births(CIVIL, HEALTH), None),
    ("group:all", "group:all", births(CIVIL, CIVIL), "policy.parties"),
    ("group:all", "group:all", births(WELFARE, CIVIL), "policy.parties"),
    (OWN, CIVIL, births(HEALTH, CIVIL), None),
    (OWN, CIVIL, births(WELFARE, CIVIL), "policy.parties"),
    ("group:partners", CIVIL, births(HEALTH, CIVIL), "policy.parties"),
]


@pytest.mark.parametrize(("provider", "consumer", "movement", "code"), TABLE)
def test_who_stands_for_whom(provider, consumer, movement, code, documents):
    """A member for its subsystems, a group for what is in it; nobody opposite itself."""
    found = edited(documents, "agreements/births-1.yaml", provider=provider, consumer=consumer)
    assert rule(found, "births", movement) == code


REQUESTS = [
    ("DEMO/GOV/CIVIL", "group:offices", asks(TAX, CIVIL), None),
    ("DEMO/GOV/CIVIL", "group:offices", answers(CIVIL, TAX), None),
    ("DEMO/GOV/CIVIL", "group:offices", asks(HEALTH, CIVIL), "policy.parties"),
    ("group:all", HEALTH, asks(HEALTH, CIVIL), None),
    ("group:all", HEALTH, answers(CIVIL, HEALTH), None),
    ("group:all", HEALTH, asks(HEALTH, TAX), "policy.type"),
    ("group:all", HEALTH, answers(TAX, HEALTH), "policy.type"),
    (CIVIL, OWN, asks(TAX, CIVIL), None),
    (CIVIL, OWN, asks(WELFARE, CIVIL), "policy.parties"),
]


@pytest.mark.parametrize(("provider", "consumer", "movement", "code"), REQUESTS)
def test_requests_between_groups(provider, consumer, movement, code, documents):
    """Who is asked must offer the service itself, whoever the agreement names."""
    found = edited(documents, "agreements/persons-1.yaml", provider=provider, consumer=consumer)
    assert rule(found, "persons", movement) == code


def test_a_publication_reaches_every_one_of_a_group(documents):
    """Sorted, each once, without the sender, the unregistered and the suspended."""
    unsent = births(HEALTH, None)._replace(purpose="")
    named = edited(documents, "agreements/births-1.yaml", consumer="group:all")
    reached = [one for one, _, _ in find(snapshot(named), unsent, None).messages]
    assert reached == [CIVIL, TAX]
    value = yaml.safe_load(named["members/tax.yaml"]) | {"status": "suspended"}
    named = named | {"members/tax.yaml": yaml.safe_dump(value).encode()}
    assert [one for one, _, _ in find(snapshot(named), unsent, None).messages] == [CIVIL]


def test_a_sender_finds_agreements_of_its_group(documents):
    """As provider of a publication, and as consumer of a service."""
    named = edited(
        documents, "agreements/births-1.yaml", provider="group:offices", consumer="DEMO/GOV/CIVIL"
    )
    named = edited(named, "agreements/persons-1.yaml", consumer="group:offices")
    found = snapshot(named)
    unsent = births(TAX, None)._replace(purpose="")
    assert find(found, unsent, None).messages == [(CIVIL, f"{BASE}births/1", PURPOSE)]
    assert find(found, asks(WELFARE, CIVIL), None).messages == [
        (CIVIL, f"{BASE}persons/1", PURPOSE)
    ]
    with pytest.raises(PolicyError) as caught:
        find(found, asks(HEALTH, CIVIL), None)
    assert caught.value.code == "policy.parties"


def test_routes_follow_groups(documents):
    """What a broker must hold: a way from each to each that is in them, and nothing else."""
    named = edited(documents, "agreements/births-1.yaml", consumer="group:offices")
    lanes = {(one.sender, one.recipient, one.lane) for one in routes(snapshot(named), NOW)}
    assert {two for two in lanes if two[2] == "health.birth"} == {
        (HEALTH, TAX, "health.birth"),
        (HEALTH, WELFARE, "health.birth"),
    }


def test_receipts_have_a_way_back(documents):
    """From each recipient to its sender, on the lane of replies, where the agreement asks."""
    named = edited(documents, "agreements/births-1.yaml", consumer="group:offices", receipt=True)
    named = edited(named, "agreements/persons-1.yaml", receipt=True)
    assert ways(named) == {(TAX, HEALTH), (WELFARE, HEALTH), (CIVIL, HEALTH), (HEALTH, CIVIL)}
    assert ways(documents) == {(CIVIL, HEALTH)}


def ways(documents):
    """From whom to whom replies and receipts may go."""
    found = routes(snapshot(documents), NOW)
    return {(one.sender, one.recipient) for one in found if one.lane == REPLIES}


# maintenance

PLANNED = {
    "from": times.to_text(NOW),
    "until": times.to_text(NOW + 60),
    "message": {"en": "Back soon", "es": "Volvemos pronto"},
}


@pytest.mark.parametrize("of", ["subsystem", "service"])
def test_requests_are_refused_while_a_service_is_in_maintenance(of, documents):
    """From the first moment until before the last, with the words for people; then no more."""
    (service,) = yaml.safe_load(documents["members/civil.yaml"])["subsystems"][0]["services"]
    changed = (
        {"maintenance": [PLANNED]}
        if of == "subsystem"
        else {"services": [service | {"maintenance": [PLANNED]}]}
    )
    found = edited(documents, "members/civil.yaml", **changed)
    for at, code in (
        (NOW - 0.001, None),
        (NOW, "policy.maintenance_mode"),
        (NOW + 59.999, "policy.maintenance_mode"),
        (NOW + 60, None),
    ):
        assert rule(found, "persons", asks(HEALTH, CIVIL, at)) == code
        assert rule(found, "persons", answers(CIVIL, HEALTH, at)) is None
        assert rule(found, "births", births(HEALTH, CIVIL)._replace(at=at)) is None
    with pytest.raises(PolicyError, match="en: Back soon; es: Volvemos pronto"):
        decide(snapshot(found), f"{BASE}persons/1", asks(HEALTH, CIVIL))


def test_maintenance_may_be_open_ended(documents):
    """Without an end it lasts until the registry says otherwise."""
    planned = {"from": times.to_text(NOW)}
    found = edited(documents, "members/civil.yaml", maintenance=[planned])
    assert rule(found, "persons", asks(HEALTH, CIVIL, NOW + 1e8)) == "policy.maintenance_mode"


# documents

QUERY, PERSON = "citizens.person-query", "citizens.person"
ASKED = {"code": "c", "request": QUERY, "response": PERSON}


@pytest.mark.parametrize(
    "service",
    [
        ASKED,
        ASKED | {"version": "v1", "description": {"en": "x"}, "new_field": 1},
        {"code": "c", "openapi": "services/c.yaml"},
        {"code": "c", "endpoints": [{"method": "GET", "path": "/"}]},
        {"code": "c", "endpoints": [{"method": "*", "path": "/a/*/b/**"}]},
        {"code": "c", "endpoints": [{"method": "POST", "path": "/a/ñ%20b/{id}"}]},
    ],
)
def test_services_that_hold(service, documents):
    """By messages, by an OpenAPI document, or by endpoints."""
    found = snapshot(edited(documents, "members/civil.yaml", services=[service]))
    assert found.party(CIVIL).subsystem.services[0].code == "c"


@pytest.mark.parametrize(
    "service",
    [
        {"code": "c"},
        {"code": "c", "request": QUERY},
        {"code": "c", "response": PERSON},
        {"code": "c", "endpoints": []},
        {"code": "c", "endpoints": [{"method": "get", "path": "/"}]},
        {"code": "c", "endpoints": [{"method": "GET", "path": "persons"}]},
        {"code": "c", "endpoints": [{"method": "GET", "path": "/a b"}]},
        {"code": "c", "endpoints": [{"method": "GET", "path": "/a?b=c"}]},
        {"code": "c", "endpoints": [{"method": "GET", "path": "/a*"}]},
        {"code": "c", "endpoints": [{"method": "GET", "path": "//"}]},
        ASKED | {"maintenance": [{"until": PLANNED["until"]}]},
        ASKED | {"maintenance": [PLANNED | {"from": PLANNED["until"]}]},
        ASKED | {"maintenance": [PLANNED | {"until": "tomorrow"}]},
    ],
)
def test_services_that_do_not_hold(service, documents):
    """Neither way to ask, half of one, no method, no path, or times that are none."""
    with pytest.raises(RegistryError) as caught:
        snapshot(edited(documents, "members/civil.yaml", services=[service])).read()
    assert caught.value.code == "registry.document"
    assert "civil.yaml:" in caught.value.message
    assert "subsystems.0.services.0" in caught.value.message


@pytest.mark.parametrize(
    "group",
    [
        {"group": "a b", "members": []},
        {"group": "", "members": []},
        {"group": "a/b", "members": []},
        {"group": "a", "members": ["group:offices"]},
        {"group": "a", "members": ["DEMO/GOV"]},
        {"group": "a", "members": HEALTH},
    ],
)
def test_groups_that_do_not_hold(group, documents):
    """Codes that could be read as two things, groups in groups, and what is no member."""
    made = documents | {"groups/a.yaml": yaml.safe_dump(group).encode()}
    with pytest.raises(RegistryError) as caught:
        snapshot(made).read()
    assert caught.value.code == "registry.document"
