"""The report of a translation as a picture: one HTML page that needs nothing else.

Does not derive translations, and takes nothing from outside into the page unescaped.
"""

from xroad_lite.semantics.picture.page import drawn

__all__ = ["drawn"]
