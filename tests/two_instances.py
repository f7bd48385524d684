"""Two instances that trust each other, each with a registry, authority and nodes of its own.

Holds no test. They share one bus file, as two countries may share one broker.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from xroad_lite.envelope import Sealed
from xroad_lite.messagelog import entries
from xroad_lite.node import Node
from xroad_lite.node.registries import mirrors
from xroad_lite.registry import RegistryFolder, read_source
from xroad_lite.registry.metadata import metadata_path
from xroad_lite.replay import Replay, replay_log
from xroad_lite.stewardship import DevelopmentInstance, Repository
from xroad_lite.stewardship.trusting import distrust, trust
from xroad_lite.testing import CIVIL, HEALTH, LAW, PURPOSE, Clock, named, two_agency_instance
from xroad_lite.transports import Parcel

NOW = 1_790_000_000.0
LEFT_HEALTH, LEFT_CIVIL = named(HEALTH, "CL"), named(CIVIL, "CL")
RIGHT_HEALTH, RIGHT_CIVIL = named(HEALTH, "PE"), named(CIVIL, "PE")


@dataclass
class TwoInstances:
    """``CL`` and ``PE``, and the nodes that were opened."""

    folder: Path
    left: DevelopmentInstance
    right: DevelopmentInstance
    clock: Clock
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def instances(self) -> dict[str, DevelopmentInstance]:
        """Both by name."""
        return {"CL": self.left, "PE": self.right}

    def node(self, subsystem: str, **options: Any) -> Node:
        """The open node of a subsystem."""
        if subsystem not in self.nodes:
            folder = self.instances[subsystem[:2]].node_folder(subsystem)
            self.nodes[subsystem] = Node.open(folder, clock=self.clock, **options)
        return self.nodes[subsystem]

    def reopen(self, subsystem: str) -> Node:
        """The node again, as after a restart."""
        self.nodes.pop(subsystem).close()
        return self.node(subsystem)

    def settle(self, rounds: int = 300) -> None:
        """Let all nodes work until none has anything to do."""
        for _ in range(rounds):
            if sum(node.step() for node in self.nodes.values()) == 0:
                return
        raise AssertionError(f"still busy after {rounds} rounds")

    def publish(self, *which: DevelopmentInstance) -> None:
        """Publish both sources, or some, a second later, and let time pass until nodes look."""
        self.clock.turn(1)
        for one in which or (self.left, self.right):
            for path, approval in one.approvals(read_source(one.source)).items():
                (one.source / path).write_bytes(approval)
            publish_documents(one, read_source(one.source), self.clock())
        self.clock.turn(10)

    def agree(self, name: str, *, provider: str, consumer: str | None, **more: Any) -> None:
        """List one agreement in both registries, each party having signed in its own."""
        self.left.add_agreement(
            name,
            provider=provider,
            consumer=consumer,
            operation=more.pop("operation", "publish"),
            types=more.pop("types", ["health.birth"]),
            purposes=[PURPOSE],
            title={"en": "Between two instances"},
            basis={"en": "A treaty"},
            basis_iri=LAW,
            **more,
        )
        self.share(f"agreements/{name}-1.yaml")

    def share(self, path: str) -> None:
        """Have both parties sign a file of the left source, and list it with the approvals."""
        shutil.copy(self.left.source / path, self.right.source / path)
        for one in (self.left, self.right):
            document = {path: (one.source / path).read_bytes()}
            for file, approval in one.approvals(document).items():
                for each in (self.left, self.right):
                    (each.source / file).write_bytes(approval)

    def trust(self, of: DevelopmentInstance, whom: DevelopmentInstance) -> None:
        """Have one lead agency write down that it trusts the other."""
        root = (whom.folder / "registry" / metadata_path("root", 1)).read_bytes()
        trust(of.source, [str(whom.folder / "registry")], root, now=self.clock())

    def distrust(self, of: DevelopmentInstance, whom: DevelopmentInstance) -> None:
        """Have one lead agency end it."""
        distrust(of.source, whom.instance)

    def edit(self, of: DevelopmentInstance, path: str, **fields: Any) -> None:
        """Change fields of a document of a source."""
        file = of.source / path
        file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | fields))

    def close(self) -> None:
        """Close all nodes."""
        for node in self.nodes.values():
            node.close()


def build(folder: Path, now: float = NOW) -> TwoInstances:
    """Two instances that trust each other; births go from CL's hospitals to PE's registry."""
    transport = f"embedded:{folder}/bus.sqlite3"
    left, right = (
        two_agency_instance(folder / name, now=now - 3600, transport=transport, name=name)
        for name in ("CL", "PE")
    )
    made = TwoInstances(folder, left, right, Clock(now - 100))
    made.trust(left, right)
    made.trust(right, left)
    made.agree("abroad", provider=LEFT_HEALTH, consumer="PE/GOV/CIVIL")
    made.agree(
        "persons-abroad",
        provider=RIGHT_CIVIL,
        consumer=LEFT_HEALTH,
        operation="request",
        types=["citizens.person-query"],
    )
    made.publish()
    made.clock.now = now
    return made


@contextmanager
def copied(built: TwoInstances, folder: Path) -> Iterator[TwoInstances]:
    """A copy that a test may change."""
    shutil.copytree(built.folder, folder, dirs_exist_ok=True)
    both = []
    for one in (built.left, built.right):
        each = copy.copy(one)
        each.folder = folder / one.instance
        each.source = each.folder / "source"
        both.append(each)
    made = TwoInstances(folder, *both, Clock(NOW))
    for one in folder.glob("*/nodes/*/node.yaml"):
        settings = yaml.safe_load(one.read_text().replace(str(built.folder), str(folder)))
        settings["instances"] = {name: [str(folder / name / "registry")] for name in ("CL", "PE")}
        one.write_text(yaml.safe_dump(settings))
    for one in folder.glob("*/source/trusted/*.yaml"):
        one.write_text(one.read_text().replace(str(built.folder), str(folder)))
    try:
        yield made
    finally:
        made.close()


def publish_unchecked(
    instance: DevelopmentInstance, changed: dict[str, bytes | None], now: float
) -> None:
    """Publish other documents without the checks of our own tools, as a hostile instance may."""
    present = RegistryFolder(instance.folder / "registry").newest().files
    documents = {path: data for path, data in {**present, **changed}.items() if data is not None}
    publish_documents(instance, documents, now)


def publish_documents(
    instance: DevelopmentInstance, documents: dict[str, bytes], now: float
) -> None:
    """Sign exactly these documents as the next snapshot."""
    repository = Repository(RegistryFolder(instance.folder / "registry"), instance.keys, now=now)
    for name in sorted(repository.names() - {"root", "snapshot", "timestamp"}):
        own = {path: data for path, data in documents.items() if repository.owner(path) == name}
        repository.put(name, own)
    repository.commit(afresh=True)


def put(node: Node, sealed: Sealed, recipient: str, lane: str = "health.birth") -> None:
    """Lay a sealed message on the bus by a node's connection, round every check of the sender's."""
    parcel = Parcel(0, recipient, lane, sealed.seal, sealed.salt, sealed.body)
    node._transport.send([parcel])
    node._transport.outcomes()


def verdicts(node: Node) -> list[tuple[str, str | None]]:
    """Outcome and code of all that came in."""
    found = [entries.read(leaf) for _, leaf in node.store.entries()]
    said = [one.fields["verdict"] for one in found if one.fields.get("direction") == "in"]
    return [(one["outcome"], one.get("code")) for one in said]


def replayed(node: Node) -> Replay:
    """The node's log, judged again with its own mirrors."""
    own = node.settings.registry_client().mirror
    return replay_log(node.store, own, node.settings.subsystem, trusted=mirrors(node.settings))
