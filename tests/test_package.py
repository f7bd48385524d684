"""What the package promises to whoever imports it."""

import subprocess
import sys

import xroad_lite


def test_public_names_are_pinned():
    """The public face is these names, each of them there, and at most twenty."""
    assert sorted(xroad_lite.__all__) == [
        "Columns",
        "Harvest",
        "Item",
        "Message",
        "Node",
        "Progress",
        "RefusedError",
        "RejectedError",
        "RequestError",
        "Settings",
        "XRoadError",
        "__version__",
        "call_http",
        "listen_http",
        "open_folder",
        "read_rows",
        "refuses_content",
        "run_adapter",
        "write_faults",
    ]
    assert all(getattr(xroad_lite, name) for name in xroad_lite.__all__)


def test_names_that_others_call_are_there():
    """The names that the documentation gives to other tools."""
    from xroad_lite.envelope import open_seal, seal
    from xroad_lite.messagelog.merkle import verify_consistency, verify_inclusion
    from xroad_lite.schema import compile_schema
    from xroad_lite.semantics import translator

    named = (seal, open_seal, verify_consistency, verify_inclusion, compile_schema, translator)
    assert all(callable(one) for one in named)


def test_import_loads_nothing_heavy():
    """Importing the package alone loads no library that takes time."""
    heavy = "pydantic", "rdflib", "pika", "cryptography", "jsonschema", "typer", "fastavro"
    code = f"import sys, xroad_lite; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n"
