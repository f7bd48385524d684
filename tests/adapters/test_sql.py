"""The sql adapter on SQLite, PostgreSQL and MariaDB: every row once, both ways."""

import pytest
import sqlalchemy as sa
from loading import empty, load, run

from xroad_lite import XRoadError
from xroad_lite.messagelog import Inbox

COLUMNS = {
    "id": "identifier.0.value",
    "born": "birthDate",
    "family": "name.0.family",
    "given": "name.0.given.0",
}
CONSTANTS = {"resourceType": "Patient"}
OUTBOX = {
    "type": "health.birth",
    "table": "xroad_outbox",
    "outbox": True,
    "columns": COLUMNS,
    "constants": CONSTANTS,
}
TABLE = {
    "type": "health.birth",
    "table": "births",
    "key": ["id"],
    "watermark": "changed_at",
    "overlap": 0.0,
    "subject": "id",
    "columns": COLUMNS,
    "constants": CONSTANTS,
}
PEOPLE = {
    "type": "health.birth",
    "reads": "citizens.person",
    "table": "people",
    "key": ["id"],
    "columns": {
        "id": "identificadorNacimiento",
        "born": "fechaNacimiento",
        "names": "nombres",
        "twins": "partoMultiple",
    },
}


def adapter(node, url, **what):
    """The adapter as its main program makes it."""
    sql = load("sql")
    sources = [sql.Table(**one) for one in what.get("publish", ())]
    targets = [sql.Table(**one) for one in what.get("receive", ())]
    return sql.SqlAdapter(node, sql.Configuration("", url, publish=sources, receive=targets))


def born(key, family="Rojas", changed="2026-03-14 10:00:00", date="2026-03-14"):
    """A statement that inserts a birth."""
    return f"INSERT INTO births VALUES ('{key}', '{date}', '{family}', 'Elena', '{changed}')"


def hear(two):
    """Subscribe the Civil Registry; gives what it hears, in its order."""
    heard = []

    @two.civil.subscribe("health.birth", reads="citizens.person")
    def register(message):
        person = message.body
        heard.append((person["identificadorNacimiento"], person["apellidos"]))

    return heard


def test_an_outbox_is_published_and_emptied(two, database_url):
    """Inserted and changed rows go out in order; the outbox holds nothing afterwards."""
    heard = hear(two)
    publisher = adapter(two.health, database_url, publish=[OUTBOX])
    run(
        database_url, born("B-1"), born("B-2"), "UPDATE births SET family = 'Soto' WHERE id = 'B-1'"
    )
    assert (publisher.poll(), publisher.poll()) == (3, 0)
    two.settle()
    assert heard == [("B-1", "Rojas"), ("B-2", "Rojas"), ("B-1", "Soto")]
    assert run(database_url, "SELECT count(*) FROM xroad_outbox") == [(0,)]
    run(database_url, "UPDATE births SET family = 'Rojas' WHERE id = 'B-1'")
    assert publisher.poll() == 1


def test_what_is_refused_stays_in_the_outbox_with_its_reason(two, database_url):
    """It holds nothing up, and goes when it is corrected and its reason taken away."""
    heard = hear(two)
    publisher = adapter(two.health, database_url, publish=[OUTBOX])
    run(database_url, born("B-1"), born(" "), born("B-3"))
    assert publisher.poll() == 3
    ((_, reason),) = run(database_url, "SELECT number, refused FROM xroad_outbox")
    assert "identifier" in reason
    run(
        database_url,
        "UPDATE xroad_outbox SET refused = NULL, "
        'body = \'{"id": "B-2", "born": "2026-03-14", "family": "Ray", "given": "Ada"}\'',
    )
    assert (publisher.poll(), publisher.poll()) == (1, 0)
    two.settle()
    assert heard == [("B-1", "Rojas"), ("B-3", "Rojas"), ("B-2", "Ray")]


def test_a_crash_before_the_outbox_is_emptied_repeats_nothing(two, database_url, monkeypatch):
    """What was published and is still there is known by its number and content."""
    heard = hear(two)
    publisher = adapter(two.health, database_url, publish=[OUTBOX])
    run(database_url, born("B-1"), born("B-2"))
    monkeypatch.setattr(publisher, "settle", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        publisher.poll()
    assert adapter(two.health, database_url, publish=[OUTBOX]).poll() == 0
    two.settle()
    assert heard == [("B-1", "Rojas"), ("B-2", "Rojas")]
    assert run(database_url, "SELECT count(*) FROM xroad_outbox") == [(0,)]


def test_a_table_is_read_by_its_watermark(two, database_url, monkeypatch):
    """Inserted and changed rows, equal watermarks over several pages too; from then on only new."""
    monkeypatch.setattr(load("sql"), "PAGE", 3)
    heard = hear(two)
    publisher = adapter(two.health, database_url, publish=[TABLE])
    run(database_url, *(born(f"B-{number}") for number in range(10)))
    assert (publisher.poll(), publisher.poll()) == (10, 0)
    later = "2026-03-14 10:00:00.5"
    run(
        database_url,
        born("B-a", changed=later),
        f"UPDATE births SET family = 'Soto', changed_at = '{later}' WHERE id = 'B-4'",
        born("B-9a"),  # at a watermark that was read already
    )
    again = adapter(two.health, database_url, publish=[TABLE])
    assert (again.poll(), again.poll()) == (3, 0)
    two.settle()
    assert heard == [(f"B-{number}", "Rojas") for number in range(10)] + [
        ("B-9a", "Rojas"),
        ("B-4", "Soto"),
        ("B-a", "Rojas"),
    ]


def test_a_view_with_two_keys(two, database_url):
    """A view can say what is published, and name its columns as the body does."""
    heard = hear(two)
    run(
        database_url,
        born("B-1"),
        'CREATE VIEW told AS SELECT 1 AS part, id AS "identifier.0.value", born AS "birthDate",'
        " 'Patient' AS \"resourceType\", 'Vera' AS \"name.0.family\" FROM births".replace(
            '"', "`" if "mysql" in database_url else '"'
        ),
    )
    view = {
        "type": "health.birth",
        "table": "told",
        "key": ["part", "identifier.0.value"],
        "watermark": "birthDate",
        "columns": {
            one: one for one in ("identifier.0.value", "birthDate", "resourceType", "name.0.family")
        },
    }
    publisher = adapter(two.health, database_url, publish=[view])
    try:
        assert (publisher.poll(), publisher.poll()) == (1, 0)
    finally:
        run(database_url, "DROP VIEW told")
    two.settle()
    assert heard == [("B-1", "Vera")]


def patient(key, family="Rojas", **more):
    """A birth as a message."""
    name = [{"family": family, "given": ["Elena", "Sofía"]}]
    identifier = [{"system": "urn:b", "value": key}]
    birth = {"resourceType": "Patient", "identifier": identifier, "birthDate": "2026-03-14"}
    return birth | {"name": name} | more


def test_messages_become_rows(two, database_url):
    """By key the newest is kept, absent values become NULL, lists are JSON; ids are remembered."""
    adapter(two.civil, database_url, receive=[PEOPLE])
    two.health.publish("health.birth", patient("B-1", multipleBirthBoolean=True), subject="s")
    two.health.publish("health.birth", patient("B-2"), subject="s")
    two.settle()
    rows = run(database_url, "SELECT id, born, names, twins FROM people ORDER BY id")
    assert [(key, str(date), names) for key, date, names, _ in rows] == [
        ("B-1", "2026-03-14", '["Elena", "Sof\\u00eda"]'),
        ("B-2", "2026-03-14", '["Elena", "Sof\\u00eda"]'),
    ]
    assert [twins and bool(twins) for *_, twins in rows] == [True, None]
    run(database_url, "UPDATE people SET born = '2000-01-01'")
    two.health.publish("health.birth", patient("B-1"), subject="s")
    two.settle()
    rows = run(database_url, "SELECT born, twins FROM people ORDER BY id")
    assert [(str(date), twins) for date, twins in rows] == [
        ("2026-03-14", None),
        ("2000-01-01", None),
    ]
    assert run(database_url, "SELECT count(*) FROM xroad_received") == [(3,)]


def test_a_message_that_comes_again_is_written_once(two, database_url, monkeypatch):
    """The process died between the database's commit and the mark that it was handled."""
    into = PEOPLE | {"key": []}
    run(database_url, "DROP TABLE people", "CREATE TABLE people (id text, born date)")
    into |= {"columns": {"id": "identificadorNacimiento", "born": "fechaNacimiento"}}
    write, calls = load("sql").SqlAdapter.receive, []

    def dies(*given):
        write(*given)
        calls.append(given)
        if len(calls) == 1:
            raise RuntimeError("gone")

    monkeypatch.setattr(load("sql").SqlAdapter, "receive", dies)
    adapter(two.civil, database_url, receive=[into])
    two.health.publish("health.birth", patient("B-1"))
    two.civil.run(until=lambda: two.settle() or len(calls) > 1)
    assert len(calls) == 2
    assert run(database_url, "SELECT id FROM people") == [("B-1",)]


def test_a_row_that_the_database_refuses_is_a_dead_letter(two, database_url):
    """At once where no retry can help; its reason holds nothing of the row."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite takes any value")
    run(database_url, "DROP TABLE people", "CREATE TABLE people (id varchar(3), born date)")
    into = PEOPLE | {"columns": {"id": "identificadorNacimiento", "born": "fechaNacimiento"}}
    adapter(two.civil, database_url, receive=[into])
    two.health.publish("health.birth", patient("B-12345"))
    two.settle()
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert letter.code == "sql.refused"
    assert "12345" not in letter.message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"publish": [TABLE | {"table": "deaths"}]}, "deaths"),
        ({"publish": [TABLE | {"watermark": "changed"}]}, "changed"),
        ({"publish": [TABLE | {"key": []}]}, "expected outbox, or key and watermark"),
        ({"receive": [PEOPLE | {"columns": {"name": "nombres"}, "key": []}]}, "name"),
        ({"receive": [PEOPLE | {"columns": {"name": "nombres"}}]}, "the key too"),
        ({"receive": [PEOPLE | {"columns": None}]}, "expected columns"),
    ],
)
def test_what_is_missing_is_said_at_the_start(wrong, said, two, tmp_path):
    """Not at the first row."""
    url = f"sqlite:///{tmp_path}/x.sqlite3"
    run(url, "CREATE TABLE births (id text, born text, family text, given text, changed_at text)")
    run(url, "CREATE TABLE people (id text, born text, names text, twins text)")
    with pytest.raises(XRoadError, match=said):
        adapter(two.health, url, **wrong)


def test_a_transaction_that_commits_late_is_not_overlooked(two, postgresql):
    """Its rows have a watermark that was passed before anybody could see them."""
    url = postgresql.url
    empty(url)
    run(
        url,
        "CREATE TABLE births (id text, born date, family text, given text, changed_at timestamptz)",
    )
    heard = hear(two)
    publisher = adapter(two.health, url, publish=[TABLE | {"overlap": 60.0}])
    engine = sa.create_engine(url)
    late = "INSERT INTO births VALUES ('late', '2026-03-14', 'Rojas', 'Elena', now())"
    with engine.connect() as one:
        one.exec_driver_sql(late)
        run(url, late.replace("'late'", "'soon'"))
        assert [publisher.poll() for _ in range(3)] == [1, 0, 0]
        one.commit()
    assert [publisher.poll() for _ in range(3)] == [1, 0, 0]
    engine.dispose()
    two.settle()
    assert [key for key, _ in heard] == ["soon", "late"]
