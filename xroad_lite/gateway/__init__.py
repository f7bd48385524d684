"""An HTTP sidecar: X-Road's REST protocol and our own API, for systems in any language.

Does not judge messages: the node beside it does. Needs the extra ``server``.
"""

from __future__ import annotations
