"""The demo, whole, as a program would run it."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

PATIENTS = Path(__file__).parents[3] / "shared" / "data"
CHAOS = os.environ.get("XROAD_LITE_CHAOS") == "1"
KILLS, MESSAGES = (20, 300) if CHAOS else (6, 100)
COMMAND = [sys.executable, "-m", "xroad_lite.cli", "demo", "--json"]


def demo(*options, timeout=110):
    """Run the demo; gives its report and exit code."""
    done = subprocess.run([*COMMAND, *options], capture_output=True, text=True, timeout=timeout)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def bad_lines(folder):
    """Real-looking lines, some of which cannot become a registration."""
    birth = {
        "resourceType": "Patient",
        "identifier": [{"value": "B-1"}],
        "birthDate": "2026-02-03",
        "name": [{"family": "Rojas", "given": ["Ana"]}],
    }
    animal = {"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}
    lines = [
        json.dumps(birth),
        "this is not JSON",
        json.dumps(birth | {"resourceType": "Observation"}),
        json.dumps({key: value for key, value in birth.items() if key != "birthDate"}),
        json.dumps({key: value for key, value in birth.items() if key != "identifier"}),
        json.dumps(birth | {"extension": [animal]}),
        "",
        json.dumps(birth | {"birthDate": "2026-02", "identifier": [{"value": "B-2"}]}),
        json.dumps(birth),
        '{"resourceType": "Patient", "resourceType": "Patient"}',
        json.dumps(
            {k: v for k, v in birth.items() if k != "name"} | {"identifier": [{"value": "B-3"}]}
        ),
    ]
    file = folder / "lines.ndjson"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_demo_accounts_for_every_line_and_refuses_every_attack(tmp_path):
    """Bad lines are refused with their number and a true reason; the rest is registered."""
    report, code = demo("--input", str(bad_lines(tmp_path)))
    assert code == 0, report
    assert report["ok"]
    assert report["input"] == report["registered"] + len(report["refused"]) == 10
    found = {one["line"]: (one["check"], one["code"]) for one in report["refused"]}
    assert found == {
        2: (1, "input.not_json"),
        3: (8, "schema.invalid"),
        4: (8, "schema.invalid"),
        5: (8, "schema.invalid"),
        6: (8, "schema.invalid"),
        8: (9, "semantics.unreadable"),
        9: (None, "citizens.already_registered"),
        10: (1, "input.not_json"),
    }
    assert [one["check"] for one in report["attacks"]] == [1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, None]
    assert all(one["ok"] and one["kept"] for one in report["attacks"])
    assert report["logs_verified"]
    assert report["tamper_found"]
    assert report["replay_equal"]
    assert report["institutions"]["civil"]["duplicates"] == 1


@pytest.mark.long  # the same day again, with more lines; patients are read in tests/semantics too
@pytest.mark.skipif(not PATIENTS.is_dir(), reason="the real data is not beside this checkout")
def test_demo_accounts_for_real_patients(tmp_path):
    """Every one of the generated patients is registered or refused with a reason."""
    lines = (PATIENTS / "synthea-patients.ndjson").read_text().splitlines(keepends=True)
    lines = lines if CHAOS else lines[::5]
    file = tmp_path / "patients.ndjson"
    file.write_text("".join(lines))
    report, code = demo("--input", str(file))
    assert code == 0, report
    assert report["input"] == len(lines)
    assert report["registered"] + len(report["refused"]) == len(lines)
    assert report["institutions"]["health"]["sent"] == len(lines) - sum(
        one["by"] == "health" for one in report["refused"]
    )
    assert report["institutions"]["welfare"]["received"] == report["registered"]


@pytest.mark.long
def test_demo_survives_the_death_of_its_processes(tmp_path):
    """SIGKILLs at random points: nothing lost, every effect exactly once."""
    folder = tmp_path / "kept"
    stop = threading.Event()
    killed = []

    def kill():
        draw = random.Random(20)
        while len(killed) < KILLS and not stop.is_set():
            time.sleep(draw.uniform(0.05, 0.5))
            name = draw.choice(("health", "civil", "welfare", "tax"))
            try:
                pid = int((folder / "nodes" / name / "pid").read_text())
                os.kill(pid, signal.SIGKILL)
                killed.append(name)
            except (OSError, ValueError):
                continue

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        report, code = demo("--messages", str(MESSAGES), "--keep", str(folder))
    finally:
        stop.set()
        killer.join()
    assert code == 0, report
    assert report["registered"] == MESSAGES
    assert report["logs_agree"]
    assert report["restarts"] >= KILLS // 2, killed
    assert report["institutions"]["welfare"]["handled"] == MESSAGES


@pytest.mark.long
def test_demo_runs_where_no_line_is_a_birth(tmp_path):
    """Every attack is tried all the same, and nothing of it counts as registered."""
    file = tmp_path / "garbage.ndjson"
    file.write_bytes(b"\xef\xbb\xbf{}\r\n\r\nnothing\n" + b"x" * 5_000_000)
    report, code = demo("--input", str(file))
    assert code == 0, report
    assert (report["input"], report["registered"]) == (3, 0)
    assert [(one["line"], one["check"]) for one in report["refused"]] == [(1, 8), (3, 1), (4, 1)]
    assert all(one["ok"] for one in report["attacks"])


def test_demo_refuses_a_file_that_is_not_there():
    """A wrong path is said in words, with exit code 2."""
    report, code = demo("--input", "/nonexistent.ndjson")
    assert code == 2
    assert report["error"]["code"] == "config.input"
