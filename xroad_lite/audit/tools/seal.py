"""Takes one message out of a whole log: entry, seal and body, each as a file. Python alone.

python3 tools/seal.py . INDEX FOLDER
"""

import hashlib
import json
import re
import sys
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

bundle, index, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
size = json.loads((bundle / "manifest.json").read_bytes())["size"]
block, place = divmod(index, 256)
digits = f"{block:03d}".zfill(-(-len(f"{block:03d}") // 3) * 3)
groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
name = "/".join([*(f"x{one}" for one in groups[:-1]), groups[-1]])
width = min(256, size - block * 256)
name += "" if width == 256 else f".p/{width}"


def item(path: Path, bytes_of_length: int) -> bytes:
    """One of a row of items, each after its length."""
    data, at = path.read_bytes(), 0
    for number in range(place + 1):
        length = int.from_bytes(data[at : at + bytes_of_length], "big")
        at += bytes_of_length
        if number == place:
            return data[at : at + length]
        at += length
    raise IndexError(index)


def url(data: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


entry = item(bundle / "tile/entries" / name, 2)
said = json.loads(entry)
known = [path.read_bytes() for path in (bundle / "certificates").iterdir()]
by_digest = {url(hashlib.sha256(der).digest()): der for der in known}
header = re.sub(
    '"sha256:([A-Za-z0-9_-]{43})"',
    lambda found: f'"{b64encode(by_digest[found[1]]).decode()}"',
    said["header"],
)
out.mkdir(parents=True, exist_ok=True)
(out / "entry.json").write_bytes(entry)
seal = ".".join([url(header.encode()), url(said["payload"].encode()), said["signature"]])
(out / "seal.jws").write_text(seal)
own = bundle / "messages" / f"{index:012d}" / "salted-body"
salted = own.read_bytes() if own.exists() else item(bundle / "bodies" / name, 4)
if salted:
    (out / "salted-body").write_bytes(salted)
