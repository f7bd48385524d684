"""Mail beside the bus: tells somebody that a message waits, and nothing of what is in it.

The text is the operator's own; only the sender, the message's id and the day can be put into it.
"""

import logging
import re
import smtplib
import ssl
import time
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from functools import partial

from xroad_lite import Columns, Message, Node, RejectedError, XRoadError, run_adapter

LOOPBACK = ("127.0.0.1", "::1", "localhost")
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDRESS = re.compile(rf"{ATOM}(\.{ATOM})*@([A-Za-z0-9-]{{1,63}}\.)*[A-Za-z0-9-]{{1,63}}", re.ASCII)


@dataclass(frozen=True)
class Notice:
    """A mail for messages of one type, ``to`` an address or the one that stands at ``to_at``."""

    type: str
    subject: str
    text: str
    to: str | None = None
    to_at: str | None = None
    reads: str | None = None


@dataclass(frozen=True)
class Configuration:
    """What adapter.yaml says; README.md explains it."""

    node: str
    server: str
    sender: str
    notices: list[Notice]
    security: str = "starttls"
    authorities: str | None = None
    user: str | None = None
    password: str | None = None
    timeout: float = 30.0
    every: float = 60.0


class EmailAdapter:
    """The node and the mail server, joined as the configuration says."""

    def __init__(self, node: Node, configuration: Configuration) -> None:
        self.configuration = configuration
        self.host, _, port = configuration.server.rpartition(":")
        self.port = int(port)
        self.sender = address(configuration.sender)
        kinds = ("starttls", "tls", *(["none"] if self.host in LOOPBACK else []))
        if configuration.security not in kinds:
            raise XRoadError("email.security", f"expected security to be one of {kinds}")
        for one in configuration.notices:
            if (one.to is None) == (one.to_at is None):
                raise XRoadError("email.to", f"{one.type}: expected either to or to_at")
            filled(one.subject + one.text, {"sender": "", "reference": "", "day": ""})
            node.subscribe(one.type, reads=one.reads)(partial(self.notify, one))

    def poll(self) -> int:
        """Nothing is looked for: messages come by themselves."""
        return 0

    def notify(self, one: Notice, message: Message) -> None:
        """Send a mail; wait while the server is away. Sent twice, it has the same Message-ID."""
        given = one.to or Columns.at(message.body, one.to_at)
        if given is None:
            return  # who has no address is told by other means
        mail = self.mail(one, message, address(given))
        while True:
            try:
                with self.connection() as server:
                    server.send_message(mail)
                return
            except smtplib.SMTPRecipientsRefused as refused:
                raise refusal(max(code for code, _ in refused.recipients.values())) from None
            except smtplib.SMTPResponseException as refused:
                raise refusal(refused.smtp_code) from None
            except OSError as error:
                logging.getLogger("xroad_lite").warning("%s: %s; waiting", self.host, error)
                time.sleep(2)

    def mail(self, one: Notice, message: Message, to: str) -> EmailMessage:
        """The mail, in which nothing of the body stands."""
        given = {"sender": message.source, "reference": message.id}
        given["day"] = time.strftime("%Y-%m-%d")
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Date"] = self.sender, to, formatdate()
        mail["Message-ID"] = f"<{message.id}@{self.sender.partition('@')[2]}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Subject"] = " ".join(filled(one.subject, given).split())
        mail.set_content(filled(one.text, given))
        return mail

    def connection(self) -> smtplib.SMTP:
        """A session with the mail server, under TLS unless it is on this machine."""
        said = self.configuration
        context = ssl.create_default_context(cafile=said.authorities)
        if said.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=said.timeout, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=said.timeout)
        try:
            if said.security == "starttls":
                server.starttls(context=context)
            if said.user is not None:
                server.login(said.user, said.password or "")
        except BaseException:
            server.close()
            raise
        return server


def address(text: object) -> str:
    """One plain address; what is none is never shown, for it may be personal."""
    if not isinstance(text, str) or len(text) > 254 or not ADDRESS.fullmatch(text):
        raise RejectedError("email.address", "expected one address as name@domain")
    return text


def filled(text: str, given: dict[str, str]) -> str:
    """The text with ``{sender}``, ``{reference}`` and ``{day}`` in it; nothing else can be."""
    if unknown := set(re.findall(r"\{(\w*)\}", text)) - set(given):
        raise XRoadError("email.text", f"got {unknown} in the text: expected {', '.join(given)}")
    return re.sub(r"\{(\w+)\}", lambda found: given[found[1]], text)


def refusal(code: int) -> XRoadError:
    """What the server said, without its words: they may name the recipient."""
    kind = RejectedError if code >= 500 else XRoadError
    return kind("email.refused", f"the mail server answered {code}")


if __name__ == "__main__":
    run_adapter(EmailAdapter, Configuration)
