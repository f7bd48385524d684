"""The newest snapshot of a published registry, looked for now and then; does not publish."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from xroad_lite.errors import XRoadError
from xroad_lite.registry import RegistryFolder, Snapshot
from xroad_lite.stewardship.confluent import Catalogue

_LOOK_AGAIN_SECONDS = 1.0


class Newest:
    """Safe for threads. What cannot be read leaves the last good snapshot in place."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``RegistryError`` if nothing good is published in ``folder``."""
        self._folder = RegistryFolder(folder)
        self._clock = clock
        self._lock = threading.Lock()
        self._looked = clock()
        self._catalogue = Catalogue(self._folder.newest())

    def catalogue(self) -> Catalogue:
        """The newest snapshot's, at most a second old."""
        with self._lock:
            if self._clock() - self._looked >= _LOOK_AGAIN_SECONDS:
                self._looked = self._clock()
                self._look()
            return self._catalogue

    def adopt(self, snapshot: Snapshot) -> Catalogue:
        """Take a snapshot that was just published."""
        with self._lock:
            self._catalogue = Catalogue(snapshot)
            return self._catalogue

    def _look(self) -> None:
        known = self._catalogue.snapshot.name
        try:
            if self._folder.head().name != known:
                self._catalogue = Catalogue(self._folder.newest())
        except XRoadError as error:
            logging.getLogger("xroad_lite").warning("%s; still serving snapshot %s", error, known)
