"""Keys of roles: where they lie, what they sign, and what is said when they cannot."""

import pytest
from test_keys_pkcs11 import PIN, pytestmark, token  # noqa: F401  a fresh token of SoftHSM 2

from xroad_lite.errors import KeysError
from xroad_lite.registry import RegistryFolder
from xroad_lite.registry.metadata import metadata_path
from xroad_lite.stewardship import Repository, RoleKeys, make_role_key, read_public

NOW = 1_790_000_000.0


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_key_in_a_token_signs_every_role(algorithm, token, tmp_path):  # noqa: F811
    """Made in the module, named by its address, and what it signed is published."""
    address = token.format(f"role-{algorithm}")
    public = tmp_path / "role.pub"
    make_role_key(address, algorithm, passphrase=PIN, public=public)
    key, keys = read_public(public), RoleKeys.open([address], PIN)
    repository = Repository(RegistryFolder(tmp_path / "registry"), keys, now=NOW)
    repository.create(root=[key], targets=[key], snapshot=[key], timestamp=[key])
    assert repository.commit().name.startswith("1:")
    root = RegistryFolder(tmp_path / "registry").roots.newest()[1]
    assert root.roles["root"].keyids == [key.keyid]
    assert (tmp_path / "registry" / metadata_path("targets", 1)).exists()


def test_what_is_no_key_is_said(tmp_path):
    """A missing file, something else, an encrypted key without its passphrase."""
    encrypted, other = tmp_path / "key.pem", tmp_path / "other.pem"
    make_role_key(str(encrypted), passphrase=b"secret")
    other.write_text("not a key")
    for name in (str(tmp_path / "none.pem"), str(other), str(encrypted), "ftp:key"):
        with pytest.raises(KeysError):
            RoleKeys.open([name])
    for one in (tmp_path / "none.pem", other):
        with pytest.raises(KeysError):
            read_public(one)
    with pytest.raises(KeysError, match="already"):
        make_role_key(str(encrypted))
