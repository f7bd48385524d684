"""``python -m xroad_lite.cli``: the same as ``xroad-lite``."""

from xroad_lite.cli import main

if __name__ == "__main__":  # processes that the demo starts read this file too
    main()
