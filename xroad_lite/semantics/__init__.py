"""What is said is what is understood: vocabularies, bindings, mappings, compiled translators.

Does not know the registry, transports or logs: bytes and parsed documents come in, values go out.
"""

from xroad_lite.semantics.opening import open_target
from xroad_lite.semantics.report import Report
from xroad_lite.semantics.translation import Translator, translator
from xroad_lite.semantics.values import Loss, Translation
from xroad_lite.semantics.vocabulary import Vocabulary, load_vocabulary

__all__ = [
    "Loss",
    "Report",
    "Translation",
    "Translator",
    "Vocabulary",
    "load_vocabulary",
    "open_target",
    "translator",
]
