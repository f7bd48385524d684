"""``python -m xroad_lite.cli``: the same as ``xroad-lite``."""

from xroad_lite.cli import main

main()
