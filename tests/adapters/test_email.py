"""The email adapter before a real SMTP server: a notice, no content, no way to inject a header."""

import email
import ssl
from email.policy import default
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from certificates import make_certificates
from databases import free_port
from loading import load

from xroad_lite import RejectedError, XRoadError
from xroad_lite.messagelog import Inbox

NOTICE = {
    "type": "health.birth",
    "to": "office@civil.example",
    "subject": "A message from {sender}",
    "text": "On {day} a message came into your digital mailbox: {reference}.\nPlease log in.\n",
}


class Mailbox:
    """Keeps what comes, and answers a recipient as it was told."""

    def __init__(self):
        self.mails, self.answers = [], []

    async def handle_RCPT(self, server, session, envelope, to, options):  # noqa: N802
        """Takes the recipient unless it was told otherwise."""
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(to)
        return answer

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        """Keeps the mail."""
        mail = email.message_from_bytes(envelope.content, policy=default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, mail, session.ssl is not None))
        return "250 OK"


@pytest.fixture
def mailbox():
    """A running SMTP server without TLS, on this machine."""
    handler = Mailbox()
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    handler.server = f"127.0.0.1:{controller.port}"
    yield handler
    controller.stop()


def adapter(node, server, notice=None, **options):
    """The adapter as its main program makes it."""
    module = load("email")
    notices = [module.Notice(**(NOTICE | (notice or {})))]
    given = {"security": "none"} | options
    made = module.Configuration("", server, "bus@civil.example", notices, **given)
    return module.EmailAdapter(node, made)


def publish(two, family="Rojas", value="B-1"):
    """A birth with something personal in it."""
    body = {"resourceType": "Patient", "identifier": [{"value": value}], "birthDate": "2026-03-14"}
    two.health.publish("health.birth", body | {"name": [{"family": family}]}, subject="s")
    two.civil.run(until=lambda: two.settle() or not two.civil.status()["inbox"])


def test_a_notice_says_that_something_waits(two, mailbox):
    """Who, when and which; nothing of the body."""
    adapter(two.civil, mailbox.server)
    publish(two)
    ((sender, to, mail, _),) = mailbox.mails
    assert (sender, to) == ("bus@civil.example", ["office@civil.example"])
    assert mail["Subject"] == "A message from DEMO/GOV/HEALTH/births"
    (id_,) = two.civil.store.query("SELECT id FROM xl_messages ORDER BY idx DESC LIMIT 1")[0]
    assert mail["Message-ID"] == f"<{id_}@civil.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert id_ in mail.get_content()
    whole = mail.as_string()
    assert all(secret not in whole for secret in ("Rojas", "B-1", "2026-03-14", "Patient"))


def test_the_recipient_may_stand_in_the_message(two, mailbox):
    """In the envelope and the To header alone; who has none is not written to."""
    adapter(two.civil, mailbox.server, {"to": None, "to_at": "name.0.family"})
    publish(two, "elena.rojas@example.org")
    ((_, to, mail, _),) = mailbox.mails
    assert to == ["elena.rojas@example.org"]
    assert "rojas" not in mail.get_content()


@pytest.mark.parametrize(
    "hostile",
    [
        "a@b.cl\r\nBcc: all@b.cl",
        "a@b.cl\nSubject: x",
        "a@b.cl, c@d.cl",
        "a@b.cl>\r\nRCPT TO:<c@d.cl",
        "a@b.cl\x00",
        "<a@b.cl>",
        '"x\r\n"@b.cl',
        "a@b.cl\u2028",
        "a" * 300 + "@b.cl",
        "nobody",
        "ñ@b.cl",
    ],
)
def test_no_address_carries_more_than_an_address(hostile):
    """Whatever stands where the address is looked for."""
    with pytest.raises(RejectedError) as caught:
        load("email").address(hostile)
    assert hostile not in str(caught.value)


def test_a_wrong_address_is_a_dead_letter_that_does_not_show_it(two, mailbox):
    """The log keeps its reasons for ever."""
    adapter(two.civil, mailbox.server, {"to": None, "to_at": "name.0.family"})
    publish(two, "Elena Rojas <a@b.cl>")
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert (letter.code, "Rojas" in letter.message) == ("email.address", False)
    assert mailbox.mails == []


def test_a_server_that_defers_is_asked_again(two, mailbox):
    """One that refuses for good is not; either way its words are not kept."""
    adapter(two.civil, mailbox.server)
    mailbox.answers = ["451 greylisted office@civil.example"]
    publish(two)
    assert len(mailbox.mails) == 1
    mailbox.answers = ["550 no such user office@civil.example"]
    publish(two)
    (letter,) = Inbox(two.civil.store).dead_letters()
    assert letter.message == "the mail server answered 550"


def test_a_server_that_is_away_is_waited_for(two, mailbox, monkeypatch):
    """No message becomes a dead letter because of it."""
    module = load("email")
    made = adapter(two.civil, mailbox.server)
    real, waits = made.port, []
    made.port = 1

    def sleep(seconds):
        waits.append(seconds)
        made.port = real

    told = SimpleNamespace(sleep=sleep, strftime=module.time.strftime)
    monkeypatch.setattr(module, "time", told)  # the adapter's clock alone, not every thread's
    publish(two)
    assert (len(waits), len(mailbox.mails)) == (1, 1)


@pytest.fixture
def secure(tmp_path):
    """A running SMTP server that wants STARTTLS and a password, and the authorities to trust."""
    made = make_certificates(tmp_path / "tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made["certificate"], made["key"])
    handler = Mailbox()

    def known(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (b"bus", b"secret"))

    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=known,
    )
    controller.start()
    handler.server = f"127.0.0.1:{controller.port}"
    yield handler, str(made["ca"])
    controller.stop()


def test_tls_and_a_password(two, secure):
    """The certificate is checked; who is not known is not written for."""
    handler, authorities = secure
    options = {"security": "starttls", "user": "bus", "password": "secret"}
    adapter(two.civil, handler.server, authorities=authorities, **options)
    publish(two)
    assert [encrypted for *_, encrypted in handler.mails] == [True]
    with pytest.raises(ssl.SSLCertVerificationError):
        adapter(two.health, handler.server, **options).connection()


@pytest.mark.parametrize(
    ("notice", "options", "said"),
    [
        ({"text": "Dear {nombres}"}, {}, "nombres"),
        ({"to_at": "x"}, {}, "either to or to_at"),
        ({"to": None}, {}, "either to or to_at"),
        ({}, {"security": "ssl"}, "starttls"),
        ({}, {"server": "mail.example:25"}, "starttls"),
    ],
)
def test_what_cannot_be_meant_is_said_at_the_start(notice, options, said, two, mailbox):
    """Content in a text, no recipient or two, mail in the clear over a network."""
    given = {"server": mailbox.server} | options
    with pytest.raises(XRoadError, match=said):
        adapter(two.health, notice=notice, **given)
