"""The published folder over HTTP: its files and nothing else, with what caches need to know."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from xroad_lite.registry import RegistryFolder
from xroad_lite.registry.client import RegistryClient
from xroad_lite.stewardship.serving.credentials import Credentials
from xroad_lite.stewardship.serving.published_files import read_file

DIGEST = hashlib.sha256(b"content").hexdigest()


@pytest.fixture
def folder(tmp_path):
    """A published folder beside a secret, with links that lead there."""
    (tmp_path / "secret").write_text("secret")
    made = tmp_path / "published"
    (made / "targets" / "schemas").mkdir(parents=True)
    (made / "metadata").mkdir()
    (made / "targets" / f"{DIGEST}.1.json").write_bytes(b"content")
    (made / "targets" / "schemas" / "a.ttl").write_text("<a> a <b> .")
    (made / "metadata" / "3.root.json").write_text("{}")
    (made / "metadata" / "timestamp.json").write_text("{}")
    (made / "metadata" / ".hidden").write_text("x")
    (made / "out").symlink_to(tmp_path)
    (made / "targets" / "link.json").symlink_to(tmp_path / "secret")
    os.mkfifo(made / "targets" / "pipe.json")
    return made


def test_files_are_read_with_their_type(folder):
    """What a name ends with says what a file is, and its bytes what it is called in caches."""
    found = read_file(folder, ("targets", "schemas", "a.ttl"))
    assert (found.data, found.content_type) == (b"<a> a <b> .", "text/turtle; charset=utf-8")
    found = read_file(folder, ("targets", f"{DIGEST}.1.json"))
    assert found.etag == f'"{DIGEST}"'
    assert found.content_type == "application/json"


def test_only_names_that_never_change_are_immutable(folder):
    """Content-addressed targets and numbered metadata; not the time stamp."""
    kept = {
        name: read_file(folder, tuple(name.split("/"))).is_immutable
        for name in (f"targets/{DIGEST}.1.json", "metadata/3.root.json", "metadata/timestamp.json")
    }
    assert list(kept.values()) == [True, True, False]


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("targets",),
        ("..", "secret"),
        ("targets", "..", "..", "secret"),
        ("out", "secret"),
        ("targets", "link.json"),
        ("targets", "pipe.json"),
        ("metadata", ".hidden"),
        ("metadata", ""),
        ("targets", "a\0b"),
        ("targets", "x" * 5000),
        ("targets/schemas/a.ttl",),
        ("metadata", "timestamp.json", "more"),
    ],
)
def test_nothing_else_is_read(path, folder):
    """Folders, links, pipes, hidden files, and ways out are not there."""
    assert read_file(folder, path) is None


def test_a_folder_behind_a_link_is_served(folder, tmp_path):
    """The published folder itself may be a link: whoever starts the server names it."""
    link = tmp_path / "current"
    link.symlink_to(folder)
    assert read_file(link, ("metadata", "timestamp.json")) is not None


def _some_file(served):
    root = served.instance.folder / "registry"
    file = next(one for one in sorted((root / "targets").rglob("*.json")) if one.is_file())
    return file, "/" + file.relative_to(root).as_posix()


def test_a_node_reads_the_registry_over_http(read_only, tmp_path):
    """All that TUF's own client asks for is there, and verifies."""
    folder = read_only.instance.folder / "registry"
    anchor = (folder / "metadata" / "1.root.json").read_bytes()
    client = RegistryClient([read_only.url], tmp_path / "mirror", anchor, base=tmp_path)
    state = client.update(time.time(), None)
    assert state.snapshot.name == RegistryFolder(folder).newest().name
    assert "citizens.person" in state.snapshot.subjects


def test_what_waits_for_signatures_is_not_served(read_only):
    """Nor is anything else that lies in the folder."""
    staged = read_only.instance.folder / "registry" / "staged"
    staged.mkdir(exist_ok=True)
    (staged / "health.json").write_text("{}")
    assert read_only.http.get("/staged/health.json").json()["error_code"] == 404


def test_files_over_http(read_only):
    """The very bytes, an entity tag that saves sending them again, and HEAD."""
    file, path = _some_file(read_only)
    answer = read_only.http.get(path)
    assert answer.content == file.read_bytes()
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = read_only.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = read_only.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(answer.content))
    assert read_only.http.post(path).status_code == 405


def test_what_is_not_there_is_a_plain_404(read_only):
    """Where files are, a missing one is plain text; elsewhere it is the API's JSON."""
    _, path = _some_file(read_only)
    missing = read_only.http.get(path.rsplit("/", 1)[0] + "/nothing.json")
    assert (missing.status_code, missing.text) == (404, "not found\n")
    listing = read_only.http.get(path.rsplit("/", 1)[0] + "/")
    assert listing.status_code == 404
    assert read_only.http.get("/nowhere/x").json()["error_code"] == 404


def test_credentials_are_lines_of_a_private_file(tmp_path):
    """Users and tokens; no empty password; nobody else may read the file."""
    from xroad_lite.errors import ConfigurationError

    file = tmp_path / "credentials"
    file.write_text("# stewards\nana:s:p\n\ntöken\n", encoding="utf-8")
    file.chmod(0o640)
    with pytest.raises(ConfigurationError, match="others than its owner"):
        Credentials.read(file)
    file.chmod(0o600)
    found = Credentials.read(file)
    assert found.allow("Basic YW5hOnM6cA==")
    assert found.allow("bearer  töken".encode().decode("utf-8"))
    for shown in ("", "Basic", "Basic YW5hOnM6cA", "Basic dMO2a2Vu", "Bearer ana:s:p", "Bearer "):
        assert not found.allow(shown)
    for text in ("", "# none\n", "ana:\n"):
        file.write_text(text)
        with pytest.raises(ConfigurationError):
            Credentials.read(file)
