"""The attacks that TUF's specification lists, each by somebody who holds what the title says.

Every one ends at the client with a code of its own, and the node goes on with its last good state.
"""

import json
import shutil
import threading
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from careless import CarelessRepository, publish_unchecked

from xroad_lite.errors import RegistryError
from xroad_lite.registry import RegistryClient, RegistryFolder, read_source
from xroad_lite.registry.lines import History
from xroad_lite.registry.metadata import metadata_path
from xroad_lite.registry.succession import check_succeeds
from xroad_lite.stewardship import DevelopmentInstance, RoleKeys, make_role_key, publish, refresh
from xroad_lite.stewardship.schemas import register_version

NOW = 1_790_000_000.0
DAY = 86_400.0
OFFICE = "DEMO/GOV/HEALTH/births"
SCHEMA = "schemas/health/birth/1.json"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small instance: one office, one type, a steward for its domain, published twice."""
    instance = DevelopmentInstance(tmp_path_factory.mktemp("built"), now=NOW)
    instance.add_subsystem(OFFICE, title={"en": "An office", "es": "Una oficina"})
    register_version(
        instance.source, "health.birth", {"type": "object"}, "json", owner="DEMO/GOV/HEALTH"
    )
    instance.publish(NOW, expires_in=7 * DAY)
    instance.publish(NOW + 60, expires_in=7 * DAY)
    return instance


@pytest.fixture
def world(built, tmp_path):
    """A copy of it, a client that knows its first root, and what the client has kept."""
    shutil.copytree(built.folder / "registry", tmp_path / "registry")
    return World(built, tmp_path)


class World:
    """A published registry, its keys, and a client beside it."""

    def __init__(self, built, folder):
        self.keys, self.source = built.keys, built.source
        self.private = built.folder / "keys"
        self.folder = folder
        self.registry = folder / "registry"
        self.anchor = (self.registry / "metadata/1.root.json").read_bytes()
        self.client = self.another("registry")
        self.state = None
        self.update(NOW + 100)

    def another(self, *origins, seconds=60):
        """A client of the same mirror that asks elsewhere."""
        mirror = self.folder / "mirror"
        return RegistryClient(origins, mirror, self.anchor, base=self.folder, seconds=seconds)

    def update(self, now, client=None):
        """What a node does every few seconds."""
        client = client or self.client
        state = client.update(now, self.state)
        client.keep(state)
        self.state = state
        return state

    def refused(self, now, client=None):
        """With which code; what was kept stays."""
        before = self.state.snapshot.name
        with pytest.raises(RegistryError) as caught:
            self.update(now, client)
        assert self.client.kept().snapshot.name == before
        assert caught.value.message
        return caught.value.code

    def publish(self, now, documents=None, keys=None):
        """The lead agency publishes, or somebody who has its keys."""
        documents = read_source(self.source) if documents is None else documents
        return publish_unchecked(self.registry, keys or self.keys, documents, now)

    def only(self, *names):
        """A thief's ring: these keys alone."""
        return RoleKeys.open([str(self.private / f"{name}.pem") for name in names])


def edit(path: Path, change):
    """Change a JSON file in place."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(json.dumps(value).encode())


# the attacks


def test_arbitrary_content(world):
    """A mirror puts its own metadata in place: nobody's signature is on it."""
    world.publish(NOW + 200)
    path = world.registry / "metadata/timestamp.json"
    edit(path, lambda value: value["signed"].update(expires="2036-01-01T00:00:00Z"))
    assert world.refused(NOW + 300) == "registry.threshold"


def test_a_document_of_somebody_elses(world):
    """Wrong installation: the right name, another file's bytes."""
    documents = read_source(world.source) | {"members/zz.yaml": b"member: DEMO/GOV/ZZ\n"}
    world.publish(NOW + 200, documents)
    (found,) = (world.registry / "targets/members").glob("*.zz.yaml")
    (other,) = (world.registry / "targets/members").glob("*.health.yaml")
    found.write_bytes(other.read_bytes()[: len(found.read_bytes())])
    assert world.refused(NOW + 300) == "registry.file_changed"


def test_endless_data(world):
    """A mirror that never stops sending is left at the length that was signed."""
    world.publish(NOW + 200, read_source(world.source) | {"members/zz.yaml": b"a: b\n"})
    (found,) = (world.registry / "targets/members").glob("*.zz.yaml")
    found.write_bytes(b"x" * 100_000)
    assert world.refused(NOW + 300) == "registry.endless_data"
    (world.registry / "metadata/timestamp.json").write_bytes(b" " * 1_000_000)
    assert world.refused(NOW + 300) == "registry.endless_data"


def test_an_endless_past(world):
    """Who may sign snapshots makes very many: of another's registry they are not all followed."""
    for number in range(5):
        world.publish(NOW + 200 + number)
    head, read = world.client.mirror.head(), RegistryFolder(world.registry).read
    newest = RegistryFolder(world.registry).head()
    assert History(newest, read, most=newest.version).find(head.name)
    with pytest.raises(RegistryError) as caught:
        History(newest, read, most=2).find(head.name)
    assert caught.value.code == "registry.too_many"


def test_extraneous_dependencies(world):
    """A steward's key signs for its own domain: what it adds elsewhere stops that domain alone."""
    repository = CarelessRepository(RegistryFolder(world.registry), world.keys, now=NOW + 200)
    foreign = {"members/thief.yaml": b"member: DEMO/GOV/THIEF\n"}
    own = {path: data for path, data in read_source(world.source).items() if "/health/" in path}
    repository.put("health", own | foreign)
    repository.commit()
    edition = world.update(NOW + 300).snapshot.edition
    (role,) = (one for one in edition.roles if one.problem)
    assert (role.name, role.expires) == ("health", 0.0)
    assert "members/thief.yaml" in role.problem
    assert not {"members/thief.yaml", SCHEMA} & set(world.state.snapshot.paths)
    assert "members/health.yaml" in world.state.snapshot.paths


def test_fast_forward(world):
    """A thief of the online keys raises the versions, to make what follows look old."""
    head = RegistryFolder(world.registry).head()
    repository = CarelessRepository(
        RegistryFolder(world.registry), world.only("online"), now=NOW + 200
    )
    repository._head.metadata.signed.version = 2**31
    object.__setattr__(repository._head, "version", 2**31)
    repository.commit(afresh=True)
    assert world.refused(NOW + 300) == "registry.fast_forward"
    assert RegistryFolder(world.registry).head().version == 2**31 + 1 > head.version


def test_recovery_from_a_fast_forward(world):
    """New online keys in a new root, and the honest numbers count again."""
    honest = world.folder / "honest"
    shutil.copytree(world.registry, honest)
    thief = CarelessRepository(RegistryFolder(world.registry), world.only("online"), now=NOW + 200)
    thief._roles["timestamp"].signed.version = 2**30
    thief.commit(afresh=True)
    world.update(NOW + 210)  # the lead agency has not seen it yet: the thief's is the newest
    shutil.rmtree(world.registry)
    honest.rename(world.registry)
    assert world.refused(NOW + 300) == "registry.rollback"
    keys = world.only("root", "targets")
    fresh = keys.add(make_role_key(str(world.folder / "new-online.pem")))
    repository = CarelessRepository(RegistryFolder(world.registry), keys, now=NOW + 400)
    for role in ("snapshot", "timestamp"):
        old = repository.keys(role)[0]
        repository.rotate(role, add=[fresh], remove=old)
    repository.commit()
    state = world.update(NOW + 500)
    assert (state.snapshot.edition.root, state.head.version) == (2, 3)


def test_indefinite_freeze(world):
    """Whoever keeps serving yesterday's is found out when its time stamp ends."""
    world.update(NOW + 6 * DAY)
    assert world.refused(NOW + 8 * DAY) == "registry.frozen"
    world.publish(NOW + 8 * DAY)
    assert world.update(NOW + 8 * DAY).fresh_until > NOW + 8 * DAY


def test_mix_and_match(world):
    """Roles of one moment with those of another were never a registry."""
    world.publish(NOW + 200, read_source(world.source) | {"members/zz.yaml": b"a: b\n"})
    newest = RegistryFolder(world.registry).head()
    earlier = (world.registry / metadata_path("snapshot", 2)).read_bytes()
    (world.registry / metadata_path("snapshot", newest.version)).write_bytes(earlier)
    assert world.refused(NOW + 300) == "registry.mixed"


def test_rollback(world):
    """What was the newest cannot be made so again."""
    earlier = world.folder / "earlier"
    shutil.copytree(world.registry, earlier)
    world.publish(NOW + 200)
    world.update(NOW + 250)
    assert world.refused(NOW + 300, world.another("earlier")) == "registry.rollback"


def test_a_rewritten_past(world):
    """A thief of the online keys signs another snapshot in the place of one that nodes have."""
    forked = world.folder / "forked"
    shutil.copytree(world.registry, forked)
    world.publish(NOW + 200)
    world.update(NOW + 250)
    for now in (NOW + 210, NOW + 220):
        publish_unchecked(forked, world.keys, read_source(world.source), now)
    assert world.refused(NOW + 300, world.another("forked")) == "registry.forked"


class _Trickle(BaseHTTPRequestHandler):
    """Promises much and sends a byte now and then."""

    def do_GET(self):
        """A byte every tenth of a second, for as long as anybody listens."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass

    def log_message(self, *_):
        """Quietly."""


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Quietly."""


@pytest.fixture
def serve():
    """Start a web server on loopback; gives its address."""
    servers = []

    def start(handler):
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_slow_retrieval(world, serve):
    """A server that trickles bytes is given up after a time, whatever it promises."""
    slow = world.another(serve(_Trickle), seconds=1)
    assert world.refused(NOW + 300, slow) == "registry.slow"


@pytest.mark.parametrize("stolen", [("online",), ("online", "health")])
def test_keys_below_the_threshold(stolen, world):
    """Who has some of the keys cannot say what the others must say: members stay as they are."""
    keys = world.only(*stolen)
    repository = CarelessRepository(RegistryFolder(world.registry), keys, now=NOW + 200)
    repository.put("members", {"members/thief.yaml": b"member: DEMO/GOV/THIEF\n"})
    repository._waiting = dict  # publishes it all the same
    repository.commit()
    assert world.refused(NOW + 300) == "registry.threshold"


def test_two_of_three_must_sign_the_root(world):
    """One holder alone changes nothing; two do; and the client follows from the first root on."""
    root = [str(world.folder / f"root-{name}.pem") for name in "abc"]
    signers = [make_role_key(one) for one in root]
    lead = RegistryFolder(world.registry)
    repository = CarelessRepository(lead, world.keys, now=NOW + 200)
    old, _ = repository.keys("root")
    public = [one.public_key for one in signers]
    repository.rotate("root", add=public, remove=old, threshold=2)
    assert "2" in repository.commit().waiting["root"]
    assert world.update(NOW + 210).snapshot.edition.root == 1
    assert "root" in refresh(world.registry, RoleKeys.open(root[:1]), now=NOW + 220).waiting
    refresh(world.registry, RoleKeys.open(root[1:2]), now=NOW + 230)
    refresh(world.registry, world.keys, now=NOW + 240)
    assert world.update(NOW + 250).snapshot.edition.root == 2
    thief = CarelessRepository(lead, RoleKeys.open(root[:1]), now=NOW + 300)
    thief.rotate("timestamp", add=[signers[0].public_key])
    third = thief._staged["root"].to_bytes()
    (world.registry / metadata_path("root", 3)).write_bytes(third)
    assert world.refused(NOW + 310) == "registry.threshold"


def test_a_mirror_that_withholds(world):
    """One bad mirror cannot keep a node from a good one."""
    bad = world.folder / "bad"
    shutil.copytree(world.registry, bad)
    shutil.rmtree(bad / "metadata")
    world.publish(NOW + 200)
    assert world.refused(NOW + 300, world.another("bad")) == "registry.out_of_reach"
    both = world.another("bad", "registry")
    assert world.update(NOW + 300, both).head.version == 3


def test_another_root_is_not_the_one_that_was_pinned(world):
    """A whole registry of somebody else's, signed in every place, is nobody's here."""
    other = DevelopmentInstance(world.folder / "other", now=NOW)
    other.add_subsystem(OFFICE, title={"en": "An office", "es": "Una oficina"})
    other.publish(NOW + 50)
    client = world.another("other/registry")
    assert world.refused(NOW + 300, client) in ("registry.threshold", "registry.rollback")


# what a node would miss otherwise


def test_a_published_schema_that_changes_is_not_adopted(world):
    """The steward's own key signs it, and nodes refuse it: messages were sealed under the first."""
    documents = read_source(world.source)
    world.publish(NOW + 200, documents | {SCHEMA: documents[SCHEMA] + b"\n"})
    before = world.state.snapshot
    after = world.client.update(NOW + 300, world.state).snapshot
    with pytest.raises(RegistryError) as caught:
        check_succeeds(after, before)
    assert caught.value.code == "registry.schema_changed"
    changed = world.folder / "source"
    shutil.copytree(world.source, changed)
    (changed / SCHEMA).write_bytes(documents[SCHEMA] + b" ")
    with pytest.raises(RegistryError) as caught:  # nor does the publisher's own hand
        publish(changed, world.registry, world.keys, now=NOW + 400)
    assert caught.value.code == "registry.schema_changed"


def test_every_earlier_file_is_found_by_its_digest(world):
    """For an auditor: roots, time stamps, snapshots and targets of any day."""
    for now in (NOW + 200, NOW + 300):
        world.publish(now)
    folder = RegistryFolder(world.registry)
    history = History(folder.head(), folder.read)
    assert history.find("1:" + "A" * 43) is None
    assert sorted(history.published()) == [1, 2, 3, 4]
    for version in (1, 2, 3, 4):
        head = folder.head(history._heads[version].name)
        assert folder.load(head).name == head.name
    kinds = [json.loads(one.read_bytes())["signed"]["_type"] for one in archived(world.registry)]
    assert {kind: kinds.count(kind) for kind in ("root", "timestamp", "snapshot")} == {
        "root": 1,
        "timestamp": 4,
        "snapshot": 4,
    }
    assert kinds.count("targets") >= 4


def archived(registry):
    """All files in the archive."""
    return sorted((registry / "archive").iterdir())


# others can read it


def test_an_independent_client_accepts_it(world, serve):
    """python-tuf's own ``Updater``, bare, over HTTP: it lists by the index and fetches a schema."""
    from tuf.ngclient import Updater

    address = serve(partial(_Files, directory=str(world.registry)))
    publish(world.source, world.registry, world.keys, now=time.time())
    (world.folder / "theirs").mkdir()
    updater = Updater(
        str(world.folder / "theirs"),
        address + "metadata/",
        str(world.folder / "theirs"),
        address + "targets/",
        bootstrap=world.anchor,
    )
    updater.refresh()
    index = json.loads(Path(fetched(updater, "indexes/health.json")).read_bytes())
    assert SCHEMA in index["paths"]
    assert Path(fetched(updater, SCHEMA)).read_bytes() == (world.source / SCHEMA).read_bytes()
    assert updater.get_targetinfo("schemas/health/birth/9.json") is None


def fetched(updater, path):
    """Where the client put a document."""
    info = updater.get_targetinfo(path)
    assert info is not None
    return updater.download_target(info)


def test_a_node_reads_it_over_the_web(world, serve):
    """The same client, another origin; what is missing is said as such."""
    address = serve(partial(_Files, directory=str(world.registry)))
    world.publish(NOW + 200)
    assert world.update(NOW + 300, world.another(address)).head.version == 3
    assert world.refused(NOW + 300, world.another(address + "nowhere")) == "registry.out_of_reach"
    gone = world.another("http://127.0.0.1:1/")
    assert world.refused(NOW + 300, gone) == "registry.out_of_reach"
