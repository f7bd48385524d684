"""Whether the fault tests run in their long form, as ``make chaos`` asks for it."""

import os

CHAOS = os.environ.get("XROAD_LITE_CHAOS") == "1"
