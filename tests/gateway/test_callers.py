"""Who may speak for whom: tokens and their commands, client certificates over TLS, nobody."""

from __future__ import annotations

import datetime
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pairs import WELFARE, Pair, Running, gateway
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.errors import ConfigurationError
from xroad_lite.gateway.callers import token_of
from xroad_lite.gateway.tokens import PREFIX, TokenFile
from xroad_lite.testing import BIRTH, CIVIL, HEALTH

LEAD = "DEMO/GOV/LEAD/office"
BIRTHS = "/api/v1/messages/health.birth"


def self_signed(folder: Path, name: str) -> Path:
    """A certificate that is its own authority, as information systems have them, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / f"{name}.pem"


def command(folder: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """``xroad-lite gateway token …`` beside a node."""
    done = CliRunner().invoke(app, ["gateway", "token", *words, "--node", str(folder), "--json"])
    return done.exit_code, json.loads(done.stdout)


@dataclass
class Closed:
    """Welfare's gateway with TLS: two systems' certificates, one of them for it, and tokens.

    It has a node of the lead agency's too, for which nobody of them speaks.
    """

    running: Running
    folder: Path

    def ask(self, path: str, certificate: str | None = None, **headers: str) -> httpx.Response:
        """A request by a system that shows a certificate, or none."""
        context = ssl.create_default_context(cafile=self.folder / "server.pem")
        if certificate is not None:
            context.load_cert_chain(
                self.folder / f"{certificate}.pem", self.folder / f"{certificate}.key"
            )
        url = f"https://localhost:{self.running.port}{path}"
        return httpx.get(url, headers=headers, verify=context, timeout=30)


@pytest.fixture(scope="module")
def closed(running: Pair) -> Iterator[Closed]:
    """A gateway that knows its callers."""
    folder = running.made.node_folder(WELFARE)
    for name in ("server", "system", "stranger"):
        self_signed(folder, name)
    settings: dict[str, Any] = {
        "open": False,
        "nodes": [".", "../lead"],
        "tls": {"certificate": "server.pem", "key": "server.key"},
        "clients": [{"certificate": "system.pem", "subsystem": WELFARE}],
    }
    with gateway(folder, **settings) as found:
        yield Closed(found, folder)


def test_nobody_is_let_in(closed: Closed) -> None:
    """By neither interface; health is for everybody."""
    answer = closed.ask(BIRTHS)
    assert (answer.status_code, answer.json()["code"]) == (401, "http.unknown_caller")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    answer = closed.ask(f"/r1/{CIVIL}/echo", **{"X-Road-Client": WELFARE})
    assert answer.json()["type"] == "server.clientproxy.ssl_authentication_failed"
    assert closed.ask("/health/live").status_code == 200


def test_a_certificate_speaks_for_its_subsystem(closed: Closed) -> None:
    """That very certificate: who has another is not heard, whoever signed it."""
    assert closed.ask("/api/v1/messages/x.y", "system").status_code == 403
    answer = closed.ask(f"/r1/{CIVIL}/listMethods", "system", **{"X-Road-Client": WELFARE})
    assert answer.status_code == 200
    answer = closed.ask(f"/r1/{CIVIL}/echo", "system", **{"X-Road-Client": WELFARE})
    assert answer.json()["type"] == "server.serverproxy.access_denied"  # no agreement lets it
    for other, code in ((LEAD, "ssl_authentication_failed"), (HEALTH, "unknown_member")):
        answer = closed.ask(f"/r1/{CIVIL}/echo", "system", **{"X-Road-Client": other})
        assert answer.json()["type"] == f"server.clientproxy.{code}"
    with pytest.raises(httpx.HTTPError):  # TLS refuses it already
        closed.ask(BIRTHS, "stranger")


def test_a_token_from_birth_to_end(closed: Closed) -> None:
    """Made, shown once, used, listed and revoked, while the gateway runs."""
    status, made = command(closed.folder, "new", "frontend", "--subsystem", WELFARE)
    assert status == 0
    shown = {"Authorization": f"Bearer {made['token']}"}
    assert closed.ask("/api/v1/messages/x.y", **shown).status_code == 403
    file = closed.folder / "tokens.yaml"
    assert made["token"] not in file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    status, listed = command(closed.folder, "list")
    assert [(one["name"], one["subsystem"]) for one in listed["tokens"]] == [("frontend", WELFARE)]
    assert "token" not in listed["tokens"][0]
    again = command(closed.folder, "new", "frontend", "--subsystem", WELFARE)[1]
    assert again["error"]["code"] == "config.token"
    assert command(closed.folder, "revoke", "frontend")[0] == 0
    answer = closed.ask("/api/v1/messages/x.y", **shown)
    assert (answer.status_code, answer.json()["code"]) == (401, "http.unknown_caller")
    assert command(closed.folder, "revoke", "frontend")[0] == 2


@pytest.mark.parametrize(
    "shown", ["Bearer xrl_wrong", "Bearer other", "Basic eHJsOnk=", "Bearer", "x"]
)
def test_other_credentials_are_none(closed: Closed, shown: str) -> None:
    """Neither a wrong token nor somebody else's scheme."""
    assert closed.ask(BIRTHS, Authorization=shown).status_code == 401


def test_our_token_is_not_passed_on(two: Pair, tmp_path: Path) -> None:
    """It opens this gateway; a provider must not have it. Other bearers are its business."""
    folder = two.made.node_folder(HEALTH)
    _, made = command(folder, "new", "passing")
    shown = {"Authorization": f"Bearer {made['token']}"}
    assert two.call("echo", headers=shown).status_code == 200
    assert two.service.seen[-1].header("Authorization") is None
    two.call("echo", headers={"Authorization": "Bearer provider"})
    assert two.service.seen[-1].header("Authorization") == "Bearer provider"
    command(folder, "revoke", "passing")


def test_one_subsystem_reads_nothing_of_another(two: Pair, closed: Closed) -> None:
    """On the same bus Welfare asks for the Civil Registry's types, and gets none of them."""
    assert two.consumer.http.post(BIRTHS, json=BIRTH).status_code == 202
    answer = closed.ask(BIRTHS, "system")
    assert (answer.status_code, answer.json()["code"]) == (403, "policy.no_agreement")


def test_a_token_expires(tmp_path: Path) -> None:
    """At its time, to the second."""
    tokens = TokenFile(tmp_path / "tokens.yaml")
    text = tokens.new("short", WELFARE, 1000.0, 2000.0)
    assert tokens.find(text, 1999.0) is not None
    assert tokens.find(text, 2000.0) is None
    assert tokens.find(text + "x", 1999.0) is None


@pytest.mark.parametrize("content", ["", "[]", "tokens: 7", "tokens: [{name: x}]", "\tx: ["])
def test_a_faulty_file_is_told(tmp_path: Path, content: str) -> None:
    """And lets nobody in."""
    file = tmp_path / "tokens.yaml"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="no file of tokens"):
        TokenFile(file).list()
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="may read"):
        TokenFile(file).list()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--host", "0.0.0.0", "--open"], "config.open"),
        (["--host", "0.0.0.0"], "config.tls"),
        (["--provider", "echo"], "config.provider"),
        (["--provider", "echo=ftp://x"], "config.field"),
        (["--provider", "echo=http://user:pass@x/"], "config.field"),
        (["--config", "/no/such.yaml"], "config.missing"),
    ],
)
def test_settings_that_are_not_safe(two: Pair, words: list[str], code: str) -> None:
    """Refused before a port is open."""
    folder = two.made.node_folder("DEMO/GOV/LEAD/office")
    done = CliRunner().invoke(app, ["gateway", "--node", str(folder), "--json", *words])
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"]) == (2, code)


def test_a_token_is_seen_beside_another_authorization() -> None:
    """Unseen it would go on to the provider, with the other."""
    ours = f"{PREFIX}abc"
    for values in (["Basic eA==", f"Bearer {ours}"], [f"bearer  {ours} ", "Bearer theirs"]):
        headers = [(b"authorization", one.encode()) for one in values]
        assert token_of({"headers": headers}) == ours
    assert token_of({"headers": [(b"authorization", b"Bearer theirs")]}) is None
