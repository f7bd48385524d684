"""The demo's instance: four institutions, their agreements, purposes and laws; runs nothing."""

from __future__ import annotations

from pathlib import Path

from xroad_lite.stewardship import DevelopmentInstance

HEALTH = "DEMO/GOV/HEALTH/births"
CIVIL = "DEMO/GOV/CIVIL/registry"
WELFARE = "DEMO/GOV/WELFARE/allowances"
TAX = "DEMO/GOV/TAX/taxpayers"
INSTITUTIONS = {"health": HEALTH, "civil": CIVIL, "welfare": WELFARE, "tax": TAX}

REGISTRATION = "https://w3id.org/dpv#FulfilmentOfObligation"
BENEFITS = "https://w3id.org/dpv#RightsFulfillment"
TAXATION = "https://w3id.org/dpv#LegalCompliance"
_PUBLIC_TASK = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"
_LEGAL_OBLIGATION = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c"

BIRTH_FIELDS = [
    "/resourceType",
    "/identifier",
    "/name",
    "/gender",
    "/birthDate",
    "/deceasedBoolean",
    "/deceasedDateTime",
    "/multipleBirthBoolean",
    "/multipleBirthInteger",
    "/address/*/use",
    "/address/*/line",
    "/address/*/city",
    "/address/*/state",
    "/address/*/postalCode",
    "/address/*/country",
]
TAXPAYER_FIELDS = [
    "/codigoPersonal",
    "/identificadorNacimiento",
    "/nombres",
    "/apellidos",
    "/fechaNacimiento",
    "/fallecido",
    "/fechaDefuncion",
]


def build(folder: Path, *, now: float, transport: str | None = None) -> DevelopmentInstance:
    """Write and publish the instance below ``folder``; ``now`` is Unix seconds."""
    options = {} if transport is None else {"transport": transport}
    world = DevelopmentInstance(folder, now=now, **options)
    world.add_bundled()
    world.add_subsystem(HEALTH, title={"en": "Hospital births", "es": "Nacimientos en hospitales"})
    world.add_subsystem(
        CIVIL,
        title={"en": "Civil Registry", "es": "Registro Civil"},
        services=[
            {
                "code": "person-by-code",
                "request": "citizens.person-query",
                "response": "citizens.person",
                "title": {"en": "The person behind a code", "es": "La persona tras un código"},
            }
        ],
    )
    world.add_subsystem(WELFARE, title={"en": "Social Welfare", "es": "Bienestar Social"})
    world.add_subsystem(TAX, title={"en": "Tax Office", "es": "Impuestos"}, algorithm="EdDSA")
    world.add_subsystem("DEMO/GOV/LEAD/registry", title={"en": "Digital Government"})
    _add_agreements(world)
    world.publish()
    return world


def _add_agreements(world: DevelopmentInstance) -> None:
    world.add_agreement(
        "births",
        title={"en": "Notification of births", "es": "Notificación de nacimientos"},
        provider=HEALTH,
        consumer=CIVIL,
        operation="publish",
        types=["health.birth"],
        purposes=[REGISTRATION],
        basis={"en": "Civil Registration Act, art. 28", "es": "Ley de Registro Civil, art. 28"},
        basis_iri=_LEGAL_OBLIGATION,
        fields={"health.birth": BIRTH_FIELDS},
    )
    world.add_agreement(
        "registrations",
        title={"en": "Registered births", "es": "Nacimientos inscritos"},
        provider=CIVIL,
        consumer=WELFARE,
        operation="publish",
        types=["citizens.birth-registered"],
        purposes=[BENEFITS],
        basis={"en": "Family Allowance Act, art. 3", "es": "Ley de asignación familiar, art. 3"},
        basis_iri=_PUBLIC_TASK,
    )
    world.add_agreement(
        "taxpayers",
        title={"en": "The person behind a code", "es": "La persona tras un código"},
        provider=CIVIL,
        consumer=TAX,
        operation="request",
        types=["citizens.person-query"],
        purposes=[TAXATION],
        basis={"en": "Tax Code, art. 62", "es": "Código Tributario, art. 62"},
        basis_iri=_PUBLIC_TASK,
        fields={"citizens.person": TAXPAYER_FIELDS},
        confidential=True,
    )
