"""One evening of two agencies, to be replayed: their logs and bundles; holds no test."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import yaml
from test_two_parties import bundle
from typer.testing import CliRunner

from xroad_lite.cli import app
from xroad_lite.messagelog.evidence.choosing import Choice
from xroad_lite.node import Node
from xroad_lite.testing import BIRTH, CIVIL, HEALTH, Clock, two_agency_instance


class Told:
    """One evening: three births, Civil's log and bundles of it, and the registry's source."""

    def __init__(self, folder: Path, **agreed: Any) -> None:
        self.instance = two_agency_instance(folder / "instance", now=time.time() - 60)
        if agreed:
            changed(self.instance.source / "agreements/births-1.yaml", **agreed)
            self.instance.publish(time.time() - 50)
        clock = Clock()
        with (
            Node.open(self.instance.node_folder(HEALTH), clock=clock) as health,
            Node.open(self.instance.node_folder(CIVIL), clock=clock) as civil,
        ):
            civil.subscribe("health.birth", reads="citizens.person")(lambda message: None)
            for gender in ("female", "male", "female"):
                health.publish("health.birth", BIRTH | {"gender": gender})
            for _ in range(200):
                if not health.step() | civil.step():
                    break
            self.ids = [
                row[0]
                for row in civil.store.query("SELECT id FROM xl_messages WHERE direction = 'in'")
            ]
            self.bundle = bundle(civil, folder / "civil.zip")
            self.chosen = bundle(civil, folder / "chosen", Choice(ids=(self.ids[1],)))
            self.log = civil.store.path
        self.node = self.instance.node_folder(CIVIL)

    def proposed(self, place: Path) -> Path:
        """A copy of the registry's source, to be changed."""
        shutil.copytree(self.instance.source, place)
        return place


def typed(*words: object) -> tuple[dict[str, Any], int]:
    """What the command says, and its exit code."""
    done = CliRunner().invoke(app, ["log", "replay", *map(str, words), "--json"])
    return json.loads(done.stdout), done.exit_code


def changed(file: Path, **values: Any) -> None:
    """Change a document in YAML."""
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | values))
