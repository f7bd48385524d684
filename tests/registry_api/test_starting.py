"""How the server starts, and what it will not start with."""

from __future__ import annotations

import json
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from served import serving, small_instance
from typer.testing import CliRunner

from xroad_lite.cli import app


def started(*options):
    """Exit code and JSON error of a server that does not start."""
    done = CliRunner().invoke(app, ["registry", "serve", *map(str, options), "--json"])
    return done.exit_code, json.loads(done.stdout)["error"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "tls.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("options", "code", "exit_code"),
    [
        (["nothing"], "registry.out_of_reach", 3),
        (["nothing", "--source", "."], "config.credentials", 2),
        (["nothing", "--source", ".", "--credentials", "x"], "config.credentials", 2),
        (["nothing", "--credentials", "x", "--key", "x"], "config.credentials", 2),
        (["nothing", "--tls-key", "x"], "config.tls", 2),
        (
            ["nothing", "--source", ".", "--credentials", "x", "--key", "x", "--host", "0.0.0.0"],
            "config.tls",
            2,
        ),
    ],
)
def test_what_it_will_not_start_with(options, code, exit_code):
    """Nobody writes openly, unsigned, or with a password that everybody can read."""
    got, error = started(*options)
    assert (got, error["code"]) == (exit_code, code)
    assert error["hint"] or code == "config.tls"


def test_a_missing_extra_is_named_with_its_remedy(monkeypatch):
    """Without starlette the command says what to install."""
    monkeypatch.setitem(sys.modules, "starlette", None)
    code, error = started("nothing")
    assert (code, error["code"]) == (2, "config.missing_extra")
    assert "starlette" in error["message"]
    assert error["hint"] == "pip install 'xroad-lite[server]'"


def test_tls_and_a_port_that_is_taken(tmp_path, certificate):
    """The certificate is shown to clients; a second server on the port is told so."""
    instance = small_instance(tmp_path)
    tls, key = certificate
    with serving(instance, "--tls-certificate", str(tls), "--tls-key", str(key)) as served:
        trusted = ssl.create_default_context(cafile=str(tls))
        assert served.url.startswith("https://127.0.0.1:")
        with httpx.Client(verify=trusted) as http:
            assert http.get(f"{served.url}/mode").json() == {"mode": "READONLY"}
        port = served.url.rpartition(":")[2]
        code, error = started(instance.folder / "registry", "--port", port)
        assert (code, error["code"]) == (4, "transport.listen")
    broken = tmp_path / "broken.pem"
    broken.write_text("no PEM")
    registry = instance.folder / "registry"
    code, error = started(registry, "--tls-certificate", broken, "--tls-key", broken)
    assert code == 2


def test_many_register_at_once(writable):
    """One schema becomes one version; of others each gets a version of its own, or a reason."""

    def register(number):
        schema = {"type": "object", "properties": {"n": {"const": number % 4}}}
        body = {"schema": json.dumps(schema), "schemaType": "JSON"}
        return writable.ask("POST", "/subjects/crowd%2Fone/versions", body, writing=True)

    path = "/config/crowd%2Fone"
    assert writable.ask("PUT", path, {"compatibility": "NONE"}, writing=True)[0] == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(register, range(16)))
    assert {status for status, _ in answers} == {200}
    assert len({value["id"] for _, value in answers}) == 4
    assert writable.get("/subjects/crowd%2Fone/versions") == [1, 2, 3, 4]
