"""The page in a bundle for the expert: how to verify it with tools that are not ours.

Every command stands there with the names of this very bundle; the project's tests run them as they
stand. Does not verify.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from xroad_lite.messagelog.evidence import layout
from xroad_lite.messagelog.evidence.manifest import Manifest
from xroad_lite.messagelog.evidence.writing import Named

_TOOLS = ("log.go", "tiles.py", "seal.cjs", "seal.py")


@dataclass(frozen=True, slots=True)
class Example:
    """One message of the bundle, by which the commands are shown."""

    index: int
    algorithm: str
    issued_at: int
    erased: bool


def tools() -> Iterator[Named]:
    """The small programs that call the tools of others."""
    folder = resources.files("xroad_lite.audit") / "tools"
    for name in _TOOLS:
        data = (folder / name).read_bytes()
        yield f"tools/{name}", data, "a small program that calls a tool which is not ours"


def page(
    manifest: Manifest,
    example: Example | None,
    roots: list[str],
    tsas: list[str],
    *,
    framed_at: float | None = None,
) -> str:
    """The text of README.md. ``roots`` and ``tsas`` are paths of trusted certificates, PEM.

    ``framed_at``: when it was put in an ASiC-E container, Unix seconds; None if it was not.
    """
    paths = {one.path for one in manifest.files}
    stamps = sorted(
        path for path in paths if path.startswith(layout.TOKENS) and path[-4:] == ".tst"
    )
    whole = manifest.entries is None
    sections = [
        _head(manifest),
        _files(),
        *([_container(int(framed_at), roots)] if framed_at is not None else []),
        _log(whole),
        *([_message(example, whole, roots)] if example is not None else []),
        *([_stamps(stamps, tsas)] if stamps and tsas else []),
        _meaning(whole),
    ]
    return "\n".join(sections)


def _head(manifest: Manifest) -> str:
    what = "all" if manifest.entries is None else f"{len(manifest.entries)} chosen"
    return f"""# Evidence from the log {manifest.log}

This folder holds {what} of the {manifest.size} entries of a log, and what is needed to verify them offline,
without the program that wrote them. That program says everything in one command, `xroad-lite log verify .`; this
page does the same by hand, with tools of others. Give the commands to bash, in this folder; they change
nothing in it. Each ends with an error when something does not hold.

**What to compare first.** Everything rests on the root of the registry, `registry/root.json`: compare its SHA-256
with the one that the lead agency has made known. The registry's files (a repository of The Update Framework) say
whose keys and certificates are whose.
"""


def _files() -> str:
    return """## The files

`manifest.json` lists each file with its length and SHA-256; `manifest.note` is the log's signature over it.

```sh files
python3 -c 'import json
for one in json.load(open("manifest.json"))["files"]: print(one["sha256"] + "  " + one["path"])' | sha256sum --check --quiet
```
"""


def _container(at: int, roots: list[str]) -> str:
    trusted = " ".join(roots) or "AUTHORITY.pem"
    return f"""## The container

All this came in an ASiC-E container (ETSI EN 319 162-1): a zip, which `unzip` unpacks. `META-INF/ASiCManifest.xml` names
every file with its SHA-256; the signature over it is CAdES, by the subsystem whose log it is.

```sh container
trusted=$(mktemp)
cat {trusted} > $trusted
openssl cms -verify -binary -inform DER -in META-INF/signature.p7s -content META-INF/ASiCManifest.xml \\
  -CAfile $trusted -purpose any -attime {at} -out /dev/null
python3 -c 'import base64, re, urllib.parse
for uri, digest in re.findall("DataObjectReference URI=\\"([^\\"]*)\\">[^<]*<[^<]*<ds:DigestValue>([^<]*)", open("META-INF/ASiCManifest.xml").read()):
    print(base64.b64decode(digest).hex() + "  " + urllib.parse.unquote(uri))' | sha256sum --check --quiet
```
"""


def _log(whole: bool) -> str:
    what = "every entry" if whole else "each entry here"
    return f"""## The log

Go's packages for transparency logs verify the signatures of the checkpoints (`golang.org/x/mod/sumdb/note`), that the
newest follows all earlier ones, and that {what} is in the log (`sumdb/tlog`). Debian has them:
`apt install golang-go golang-golang-x-mod-dev`.

```sh go
GO111MODULE=off GOPATH=/usr/share/gocode go run tools/log.go .
```

The same again with tlog-scales of PyPI:

```sh tlog-scales
python3 tools/tiles.py .
```
"""


def _message(example: Example, whole: bool, roots: list[str]) -> str:
    index = example.index
    folder = layout.entry(index).rpartition("/")[0]
    take = f"python3 tools/seal.py . {index} $work\n" if whole else f"cp {folder}/* $work\n"
    return f"""## A message

Entry {index} is one; for another, change the number. Its seal is a compact JWS (RFC 7515, JAdES baseline B-B).

```sh message
work=$(mktemp -d)
{take}part() {{ cut -d. -f$1 $work/seal.jws | tr '_-' '/+' | awk '{{while (length % 4) $0 = $0 "="; print}}' | base64 -d; }}
part 2 && echo
```

Its signature, with OpenSSL:

```sh openssl
part 1 | grep -o '"x5c":\\["[^"]*' | cut -d'"' -f4 | base64 -d > $work/certificate.der
openssl x509 -inform DER -in $work/certificate.der -out $work/certificate.pem
openssl x509 -in $work/certificate.pem -pubkey -noout > $work/key.pem
printf %s "$(cut -d. -f1,2 $work/seal.jws)" > $work/signed
{_signature(example)}```

Its certificate, which must lead to an authority that the registry trusted, at the time of sealing:

```sh chain
{_chain(example, roots)}```

{_body(example)}
The signature once more, with npm's jose (`npm install --global jose@5`):

```sh jose
NODE_PATH=$(npm root --global) node tools/seal.cjs $work/seal.jws
```
"""


def _signature(example: Example) -> str:
    if example.algorithm == "EdDSA":
        return (
            "part 3 > $work/signature\n"
            "openssl pkeyutl -verify -pubin -inkey $work/key.pem -rawin -in $work/signed "
            "-sigfile $work/signature\n"
        )
    return (
        "hex=$(part 3 | od -An -v -tx1 | tr -d ' \\n')\n"
        "printf 'asn1=SEQUENCE:s\\n[s]\\nr=INTEGER:0x%s\\ns=INTEGER:0x%s\\n' "
        "${hex:0:64} ${hex:64} > $work/signature.cnf\n"
        "openssl asn1parse -genconf $work/signature.cnf -noout -out $work/signature.der\n"
        "openssl dgst -sha256 -verify $work/key.pem -signature $work/signature.der $work/signed\n"
    )


def _chain(example: Example, roots: list[str]) -> str:
    trusted = " ".join(roots) or "AUTHORITY.pem"
    return (
        "part 1 | grep -o '\"x5c\":\\[[^]]*' | grep -o '\"[A-Za-z0-9+/=]*\"' | tr -d '\"' | tail -n +2 |\n"
        "  while read -r one; do echo $one | base64 -d | openssl x509 -inform DER; done "
        "> $work/intermediates.pem\n"
        f"cat {trusted} > $work/trusted.pem\n"
        f"openssl verify -attime {example.issued_at} -CAfile $work/trusted.pem "
        "-untrusted $work/intermediates.pem $work/certificate.pem\n"
    )


def _body(example: Example) -> str:
    if example.erased:
        return "Its body is not here: it was erased, or never kept.\n"
    return """Its body, which lies after 32 bytes of salt; the digest over both was sealed:

```sh body
sealed=$(part 2 | grep -o '"datahash":"[^"]*' | cut -d'"' -f4)
found=$(openssl dgst -sha256 -binary $work/salted-body | base64 | tr '/+' '_-' | tr -d =)
test "$sealed" = "$found" && tail -c +33 $work/salted-body
```
"""


def _stamps(stamps: list[str], tsas: list[str]) -> str:
    lines = "".join(
        f"openssl ts -verify -token_in -in {one} -data {layout.stamped(one)} -CAfile $tsa\n"
        for one in stamps[:20]
    )
    more = f"\n{len(stamps) - 20} more lie in `tokens/`.\n" if len(stamps) > 20 else ""
    return f"""## Time

Authorities have stamped checkpoints (RFC 3161): every entry before a checkpoint's size was there at that time.

```sh time
tsa=$(mktemp)
cat {" ".join(tsas)} > $tsa
{lines}openssl ts -reply -token_in -in {stamps[0]} -token_out -text | grep "Time stamp"
```
{more}"""


def _meaning(whole: bool) -> str:
    where = (
        "`tile/` is the log as C2SP's tlog-tiles lay it out. `bodies/` holds, for each bundle of 256 entries, salt and "
        "body of each after their length in four bytes (0: none here)."
        if whole
        else "`messages/` holds each entry with its proof (C2SP tlog-proof), its seal, and its body after the salt."
    )
    return f"""## What lies where

{where}
`checkpoint` is the signed head (C2SP tlog-checkpoint), `checkpoints/` are earlier ones with their witnesses'
cosignatures, `consistency/` the proofs that the head follows them. `certificates/` are named by SHA-256.
`tokens/` are time stamps with the checkpoints they are over. `registry/` is the registry of those days.
An entry is JSON: `kind` is message, outcome, snapshot, token or erasure. In the `header` of a message
stand certificates by their digest, so that each is kept once; with them in place it is the seal's header again.

## What the checks of `xroad-lite log verify .` are

1 files, 2 origin, 3 head, 4 entries, 5 seals, 6 bodies, 7 order, 8 history, 9 time, 10 view, 11 registry,
12 identity; of an ASiC-E container also 13 container. Each is *established*, *could not be established*, or *wrong*.
"""
