"""The files adapter on folders here and on an SFTP server: each row once, nothing half read."""

import json
import os

import paramiko
import pytest
import sftp_server
from loading import load

from xroad_lite import XRoadError

COLUMNS = {
    "number": "identifier.0.value",
    "born": {"to": "birthDate", "as": "date %d/%m/%Y"},
    "family": "name.0.family",
}
BIRTHS = {
    "type": "health.birth",
    "columns": COLUMNS,
    "constants": {"resourceType": "Patient"},
    "subject": "number",
    "quiet": 0.0,
    "patience": 0.0,
}
GOOD = "number,born,family\nB-1,14/03/2026,Rojas\nB-2,15/03/2026,Soto\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A running SFTP server."""
    if not sftp_server.SSHD.exists():
        pytest.skip("no sshd here: apt-get install openssh-server")
    made = sftp_server.SftpServer(tmp_path_factory.mktemp("sshd"))
    made.prepare()
    made.start()
    yield made
    made.stop()


@pytest.fixture(params=["here", "sftp"])
def place(request, tmp_path):
    """A drop folder, and how the adapter is told of it."""
    folder = tmp_path / "drop"
    folder.mkdir()
    if request.param == "here":
        return folder, {"folder": str(folder)}
    server = request.getfixturevalue("server")
    return folder, {"folder": server.address(folder), "sftp": server.options}


@pytest.fixture
def drop(tmp_path):
    """A drop folder of this machine."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def adapter(node, *publish, receive=()):
    """The adapter as its main program makes it."""
    files = load("files")
    drops = [files.Drop(**(BIRTHS | one)) for one in publish]
    targets = [files.Drop(**one) for one in receive]
    return files.FilesAdapter(node, files.Configuration("", publish=drops, receive=targets))


def hear(two):
    """Subscribe the Civil Registry; gives what it hears, in its order."""
    heard = []

    @two.civil.subscribe("health.birth", reads="citizens.person")
    def register(message):
        heard.append((message.body["identificadorNacimiento"], message.body["fechaNacimiento"]))

    return heard


def kept(folder, name):
    """The files in a folder below, without the time before their names."""
    return sorted(one.name.split("-", 2)[2] for one in (folder / name).iterdir())


def test_a_file_is_published_and_put_away(two, place):
    """Its rows come in order, with the subject; the file lies in ``done``."""
    folder, told = place
    heard = hear(two)
    (folder / "births.csv").write_text(GOOD)
    (folder / ".hidden.csv").write_text(GOOD)
    (folder / "more.csv.part").write_text(GOOD)
    publisher = adapter(two.health, told)
    assert (publisher.poll(), publisher.poll()) == (2, 0)
    two.settle()
    assert heard == [("B-1", "2026-03-14"), ("B-2", "2026-03-15")]
    assert kept(folder, "done") == ["births.csv"]
    assert sorted(one.name for one in folder.iterdir() if one.is_file()) == [
        ".hidden.csv",
        "more.csv.part",
    ]
    (folder / "births.csv").write_text(GOOD)  # another file of the same name and content
    assert publisher.poll() == 2
    two.settle()
    assert len(heard) == 4
    assert kept(folder, "done") == ["births.csv", "births.csv"]


def test_bad_rows_lie_beside_the_file_with_reasons(two, place):
    """The others are published; corrected, the file of reasons can be dropped as it is."""
    folder, told = place
    heard = hear(two)
    bad = "B-3,2026-03-15,Vera\nB-4,16/03/2026\n ,17/03/2026,Paz\n"
    (folder / "births.csv").write_text(GOOD + bad)
    publisher = adapter(two.health, told)
    assert publisher.poll() == 5
    assert kept(folder, "bad") == ["births.csv", "births.csv.reasons.csv"]
    reasons = next((folder / "bad").glob("*.reasons.csv")).read_text()
    lines = reasons.splitlines()
    assert lines[0] == "#line,#reason,number,born,family"
    assert "expected date %d/%m/%Y" in lines[1]
    assert "2 fields: the header has 3" in lines[2]
    assert "identifier" in lines[3]
    assert [line.split(",")[0] for line in lines[1:]] == ["4", "5", "6"]
    (folder / "again.csv").write_text("\n".join(lines[:2]).replace("2026-03-15", "15/03/2026"))
    assert publisher.poll() == 1
    two.settle()
    assert [key for key, _ in heard] == ["B-1", "B-2", "B-3"]
    assert kept(folder, "done") == ["again.csv"]


def test_ndjson_and_xml(two, drop):
    """Other forms, by their endings; a row of NDJSON without columns is a body."""
    heard = hear(two)
    bodies = [
        {"resourceType": "Patient", "identifier": [{"value": f"N-{n}"}], "birthDate": "2026-03-14"}
        for n in range(2)
    ]
    (drop / "a.ndjson").write_text("\n".join(map(json.dumps, bodies)))
    (drop / "b.xml").write_text(
        '<births xmlns="urn:b"><birth number="X-1"><born>14/03/2026</born></birth>'
        '<birth number="X-2"><born>15/03/2026</born></birth></births>'
    )
    (drop / "c.xml").write_text('<!DOCTYPE a [<!ENTITY x "X-3">]><a/>')
    columns = {"@number": COLUMNS["number"], "born": COLUMNS["born"]}
    publisher = adapter(
        two.health,
        {"folder": str(drop), "files": "*.ndjson", "columns": None, "subject": None},
        {"folder": str(drop), "files": "*.xml", "element": "birth", "columns": columns},
    )
    assert publisher.poll() == 5
    two.settle()
    assert [key for key, _ in heard] == ["N-0", "N-1", "X-1", "X-2"]
    assert kept(drop, "done") == ["a.ndjson", "b.xml"]
    assert kept(drop, "bad") == ["c.xml", "c.xml.reasons.ndjson"]


def test_a_file_that_is_being_written_is_waited_for(two, drop, monkeypatch):
    """Until nothing changes for a while; longer when its last line has no end."""
    files, now = load("files"), [1000.0]
    monkeypatch.setattr(files.time, "monotonic", lambda: now[0])
    publisher = adapter(two.health, {"folder": str(drop), "quiet": 2.0, "patience": 60.0})
    file = drop / "births.csv"

    def after(seconds):
        now[0] += seconds
        return publisher.poll()

    file.write_text("number,born,family\nB-1,14/03/2026,Ro")
    assert [after(1) for _ in range(5)] == [0] * 5
    file.write_text(GOOD)
    assert after(1) == 0
    file.write_text(GOOD + "B-3,16/03/2026,Paz\n")
    assert [after(1), after(1), after(1)] == [0, 0, 3]
    file.write_text(GOOD + "B-4,17/03/2026,Sol")  # whole, though nothing ends its last line
    assert [after(30), after(30), after(30)] == [0, 0, 3]
    (drop / "empty.csv").write_text("")
    assert [after(30), after(30), after(30)] == [0, 0, 0]
    assert kept(drop, "done") == ["births.csv", "births.csv", "empty.csv"]
    two.settle()


def test_a_file_that_is_written_on_after_it_was_taken(two, drop):
    """What comes later is published later; nothing of it is lost or repeated."""
    heard = hear(two)
    publisher = adapter(two.health, {"folder": str(drop)})
    writer = (drop / "births.csv").open("w")
    writer.write(GOOD)
    writer.flush()
    real = publisher.columns[next(iter(publisher.columns))].__class__.body

    def writes_on(self, row, **more):
        if row["number"] == "B-2":
            writer.write("B-3,16/03/2026,Paz\n")
            writer.flush()
        return real(self, row, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xroad_lite.adapting.columns.Columns.body", writes_on)
        assert publisher.poll() == 2
    writer.close()
    assert len(list((drop / "working").iterdir())) == 1
    assert (publisher.poll(), publisher.poll()) == (1, 0)
    two.settle()
    assert [key for key, _ in heard] == ["B-1", "B-2", "B-3"]
    assert kept(drop, "done") == ["births.csv"]


def test_links_are_not_followed(two, drop, tmp_path):
    """A link in a drop folder would publish any file of the machine."""
    (tmp_path / "secret.csv").write_text(GOOD)
    (drop / "births.csv").symlink_to(tmp_path / "secret.csv")
    os.mkfifo(drop / "pipe.csv")
    publisher = adapter(two.health, {"folder": str(drop)})
    assert publisher.poll() == 0
    assert (drop / "births.csv").is_symlink()


def test_received_messages_become_files(two, place):
    """One each, whole, named by the message's id."""
    folder, told = place
    adapter(two.civil, receive=[{"type": "health.birth", "reads": "citizens.person"} | told])
    body = {"resourceType": "Patient", "identifier": [{"value": "B-1"}], "birthDate": "2026-03-14"}
    two.health.publish("health.birth", body, subject="s")
    two.settle()
    (file,) = folder.iterdir()
    written = json.loads(file.read_text())
    assert file.name == f"{written['id']}.json"
    assert written["body"] == {
        "identificadorNacimiento": "B-1",
        "fechaNacimiento": "2026-03-14",
    }
    assert (written["type"], written["subject"]) == ("health.birth", "s")


def test_a_stranger_with_the_address_of_the_server_is_refused(two, server, tmp_path):
    """Its key is not the known one: nothing is read from it or written to it."""
    other = tmp_path / "known_hosts"
    key = paramiko.RSAKey.generate(2048)
    other.write_text(f"[127.0.0.1]:{server.port} ssh-rsa {key.get_base64()}\n")
    options = server.options | {"known_hosts": str(other)}
    publisher = adapter(two.health, {"folder": server.address(tmp_path), "sftp": options})
    with pytest.raises(XRoadError, match=r"127\.0\.0\.1"):
        publisher.poll()
    without = adapter(two.health, {"folder": server.address(tmp_path), "sftp": {}})
    with pytest.raises(XRoadError) as caught:
        without.poll()
    assert caught.value.code == "config.known_hosts"


def test_a_server_that_was_away_is_found_again(two, server, tmp_path):
    """The round fails, the next one connects again."""
    heard = hear(two)
    told = {"folder": server.address(tmp_path), "sftp": server.options, "files": "*.csv"}
    publisher = adapter(two.health, told)
    assert publisher.poll() == 0
    (tmp_path / "births.csv").write_text(GOOD)
    server.stop()
    publisher.folders.clear()
    with pytest.raises(XRoadError) as caught:
        publisher.poll()
    assert caught.value.code == "transport.unreachable"
    server.start()
    assert publisher.poll() == 2
    two.settle()
    assert len(heard) == 2
