"""Measures a country: 1,000 members, 5,000 schemas, 1,000 agreements; prints, asserts nothing.

Run it by hand: ``python -m bench.country``. Publication is without the checks of the
documents, which ``registry check`` measures for itself.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from xroad_lite.registry import RegistryFolder
from xroad_lite.stewardship import DevelopmentInstance, Repository
from xroad_lite.stewardship.staging import domain_paths
from xroad_lite.testing import CIVIL

MEMBERS, SCHEMAS, DOMAINS = 1000, 5000, 20
_START = """
import resource, sys, time
import xroad_lite.node
from pathlib import Path
began = time.perf_counter(), time.process_time()
node = xroad_lite.node.Node.open(Path(sys.argv[1]))
wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{wall:.2f} s, cpu {cpu:.2f} s, peak memory {peak:.0f} MB, {node.status()['registry'][:9]}")
began = time.perf_counter()
node._registry.refresh(time.time())
print(f"  looking again {1000 * (time.perf_counter() - began):.0f} ms")
"""


def documents(instance: DevelopmentInstance) -> dict[str, bytes]:
    """A source of that size, in memory."""
    made = {"instance.yaml": (instance.source / "instance.yaml").read_bytes()}
    for path in ("authorities/development.pem", "members/civil.yaml"):
        made[path] = (instance.source / path).read_bytes()
    member = yaml.safe_load(made["members/civil.yaml"])
    for number in range(MEMBERS):
        one = member | {"member": f"DEMO/GOV/M{number}"}
        one["subsystems"] = [
            member["subsystems"][0] | {"certificates": [{"sha256": f"{number:064x}"}]}
        ]
        made[f"members/m{number}.yaml"] = yaml.safe_dump(one).encode()
        made[f"agreements/a{number}-1.yaml"] = yaml.safe_dump(agreement(number)).encode()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}
    for number in range(SCHEMAS):
        domain, name = f"d{number % DOMAINS}", f"s{number}"
        folder = f"schemas/{domain}/{name}"
        fields = {f"field{one}": {"type": "string"} for one in range(20)}
        made[f"{folder}/1.json"] = json.dumps(schema | {"properties": fields}).encode()
        subject = {
            "type": f"{domain}.{name}",
            "kind": "json",
            "owner": "DEMO/GOV/M1",
            "title": {"en": name},
            "versions": {"1": {"status": "active"}},
        }
        made[f"{folder}/subject.yaml"] = yaml.safe_dump(subject).encode()
    return made


def agreement(number: int) -> dict[str, object]:
    """Between one member and the next."""
    return {
        "agreement": f"a{number}",
        "version": 1,
        "title": {"en": "An agreement"},
        "provider": f"DEMO/GOV/M{number}/registry",
        "consumer": f"DEMO/GOV/M{(number + 1) % MEMBERS}/registry",
        "operation": "publish",
        "types": [f"d{number % DOMAINS}.s{number}"],
        "purposes": ["https://w3id.org/dpv#LegalCompliance"],
        "legal_basis": {"text": {"en": "A law"}, "iri": "https://example.org/law"},
        "period": {"from": "2026-01-01T00:00:00Z", "until": "2036-01-01T00:00:00Z"},
    }


def main() -> None:
    """Build, publish, change one document, start a node from its mirror."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        instance = DevelopmentInstance(folder, now=time.time())
        instance.add_subsystem(CIVIL, title={"en": "Civil Registry", "es": "Registro Civil"})
        instance.publish()
        for domain in range(DOMAINS):
            delegated = repository(instance)
            delegated.delegate(
                f"d{domain}", [instance._key(f"d{domain}")], domain_paths(f"d{domain}")
            )
            delegated.commit()
        made = documents(instance)
        print(f"{len(made)} documents, {sum(map(len, made.values())) / 1e6:.1f} MB")
        timed("first publication", lambda: put(instance, made))
        changed = made | {"members/m1.yaml": made["members/m1.yaml"] + b"# changed\n"}
        timed("one document changed", lambda: put(instance, changed))
        timed("verified whole", lambda: RegistryFolder(folder / "registry").newest())
        for what in ("first start (fetches all)", "start from the mirror", "and again"):
            node = str(instance.node_folder(CIVIL))
            done = subprocess.run(
                [sys.executable, "-c", _START, node], capture_output=True, text=True
            )
            print(f"{what}: {done.stdout.strip() or done.stderr[-500:]}")


def repository(instance: DevelopmentInstance) -> Repository:
    """The published registry with all keys."""
    return Repository(RegistryFolder(instance.folder / "registry"), instance.keys, now=time.time())


def put(instance: DevelopmentInstance, made: dict[str, bytes]) -> None:
    """Sign what changed, as ``registry publish`` does after its checks."""
    present = repository(instance)
    parts: dict[str, dict[str, bytes]] = {}
    for path, data in made.items():
        parts.setdefault(present.owner(path), {})[path] = data
    for name, own in parts.items():
        present.put(name, own)
    present.commit()


def timed(what: str, work: object) -> None:
    """Say how long a call took, on the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()  # type: ignore[operator]
    took = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {took[0]:.2f} s, cpu {took[1]:.2f} s, peak memory {peak:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
