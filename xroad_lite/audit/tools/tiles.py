"""Verifies the log in a bundle with tlog-scales, of PyPI: the head's signature, and every entry.

python3 -m pip install tlog-scales
python3 tools/tiles.py .
"""

import sys
from base64 import b64decode
from pathlib import Path

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, InclusionProof

folder = Path(sys.argv[1]).resolve()
keys = [Vkey.from_string(line) for line in (folder / "log.vkeys").read_text().split()]


def verify(head: Checkpoint) -> None:
    """By whichever key of the log is named in it."""
    named = [key for key in keys if any(key.match(one) for one in head.signatures)]
    for key in named:
        head.verify(key)
    assert named, "no key of the log has signed"


reader = TilesReader(LocalBackend(folder))
head = reader.get_checkpoint()
verify(head)
proofs = sorted(folder.glob("messages/*/*.tlog-proof"))
for path in proofs:
    said, _, note = path.read_text().partition("\n\n")
    index, *hashes = said.split("\n")[1:]
    mine = Checkpoint.from_text(note)
    verify(mine)
    proof = InclusionProof(int(index.split()[1]), mine.size, [b64decode(one) for one in hashes])
    proof.check(leaf_hash((path.parent / "entry.json").read_bytes()), mine.root_hash)
if not proofs:
    assert reader.calculate_root_hash() == head.root_hash
    for number in range(head.size):
        proof = reader.get_inclusion_proof(number, head.size)
        proof.check(leaf_hash(reader.get_entry(number)), head.root_hash)
print(f"head of {head.origin}: {head.size} entries, signed")
print(f"{len(proofs) or head.size} entries are in the log")
