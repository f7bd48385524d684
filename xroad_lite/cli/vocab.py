"""``xroad-lite vocab``: what words mean. Does not load a vocabulary itself.

The commands stand in modules of their own and join this group when they are imported.
"""

from __future__ import annotations

import typer

vocab_app = typer.Typer(
    no_args_is_help=True, help="Vocabularies: check them, score schemas by them, read their paths."
)


@vocab_app.callback()
def _vocab() -> None:
    """Vocabularies: check them, score schemas by them, read their paths."""
