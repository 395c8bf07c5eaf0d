"""E-mail, for those who wish it and where a mail server is configured; everything is in the service either way.

``RACEWAY_SMTP_URL``: ``smtp://user:secret@host:587`` (with STARTTLS where the server offers it) or
``smtps://host:465``; ``RACEWAY_MAIL_FROM``: the sender's address. A mail leaves after the commit that made its
notification, and is tried again for some hours where the server is away.
"""

from __future__ import annotations

import contextlib
import logging
import os
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from urllib.parse import unquote, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.database import commit
from service.models import Notification, User
from shared.errors import InputError

log = logging.getLogger(__name__)

_AT_ONCE = 50
_SECONDS = 20.0
_ATTEMPTS = 8
_BACK_OFF = timedelta(minutes=1)
_CLAIM = timedelta(seconds=_AT_ONCE * _SECONDS)
"""How long nobody else sends what one process is sending."""
_PORTS = {"smtp": 587, "smtps": 465}


def is_configured() -> bool:
    """Whether there is a mail server."""
    return bool(os.environ.get("RACEWAY_SMTP_URL"))


@dataclass(frozen=True)
class MailServer:
    """Where mails are handed in, and from whom they are."""

    host: str
    port: int
    sender: str
    encrypted: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> MailServer | None:
        """The configured server, None where there is none. Raises InputError for another URL."""
        env = os.environ if environ is None else environ
        text = env.get("RACEWAY_SMTP_URL", "")
        if not text:
            return None
        url = urlsplit(text)
        try:
            port = url.port or _PORTS[url.scheme]
        except (KeyError, ValueError):
            port = 0
        if not port or not url.hostname:
            raise InputError(
                "RACEWAY_SMTP_URL is not the URL of a mail server.",
                hint="Give it like smtp://user:secret@mail.studio.example:587, or smtps:// for port 465.",
                code="input.config",
                fields={"RACEWAY_SMTP_URL": "must start with smtp:// or smtps:// and name a host"},
            )
        sender = env.get("RACEWAY_MAIL_FROM") or f"raceway@{url.hostname}"
        user, password = unquote(url.username or ""), unquote(url.password or "")
        return cls(url.hostname, port, sender, url.scheme == "smtps", user, password)

    @contextlib.contextmanager
    def open(self) -> Iterator[smtplib.SMTP]:
        """A session with the server. Raises OSError or smtplib.SMTPException where it cannot be had."""
        secure = ssl.create_default_context()
        if self.encrypted:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=secure)
        else:
            connection = smtplib.SMTP(self.host, self.port, timeout=_SECONDS)
        with connection:
            connection.ehlo()
            if not self.encrypted and connection.has_extn("starttls"):
                connection.starttls(context=secure)
                connection.ehlo()
            if self.user:
                connection.login(self.user, self.password)
            yield connection


def send_waiting(
    current: Session,
    server: MailServer,
    public_url: str,
    now: datetime | None = None,
    links: Mapping[str, Callable[[User], str]] | None = None,
) -> int:
    """Send the mails of the session's tenant that wait; answers their number.

    ``links`` makes the links of kinds whose links are secret, and kept nowhere.

    They are claimed in a transaction that ends before the first is sent: a slow server holds no row. What came of them
    is written with the session's next commit. Where a process dies before that they are sent again, under the same
    Message-IDs, by which mail programs show them once.
    """
    now = now or datetime.now(UTC)
    waiting = (
        select(Notification, User)
        .join(User, (User.tenant_id == Notification.tenant_id) & (User.id == Notification.user_id))
        .where(Notification.email_state == "waiting", Notification.email_after <= now)
        .order_by(Notification.email_after)
        .limit(_AT_ONCE)
        .with_for_update(of=Notification, skip_locked=True)
    )
    rows = current.execute(waiting).all()
    if not rows:
        return 0
    for notification, _ in rows:
        notification.email_after = now + _CLAIM
    commit(current)
    sent = 0
    try:
        with server.open() as connection:
            for notification, user in rows:
                make = (links or {}).get(notification.kind)
                write = partial(message_of, notification, user, server.sender, public_url, make(user) if make else "")
                sent += _send(connection, notification, write, now)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("mails wait, %s:%d cannot be used: %s", server.host, server.port, type(error).__name__)
        for notification, _ in rows:
            if notification.email_state == "waiting":
                _put_off(notification, now)
    return sent


def message_of(
    notification: Notification, user: User, sender: str, public_url: str, secret_link: str = ""
) -> EmailMessage:
    """A notification as a mail; one with a ``secret_link`` is about that alone."""
    message = EmailMessage()
    message["Subject"] = f"[Raceway] {notification.title}"
    message["From"] = sender
    message["To"] = Address(user.name, addr_spec=user.email)
    message["Date"] = format_datetime(notification.created_at)
    message["Message-ID"] = f"<{notification.id}@raceway>"
    message["Auto-Submitted"] = "auto-generated"
    lines = [notification.title, "", notification.body] if notification.body else [notification.title]
    for item in notification.items:
        lines += ["", f"- {item['title']}", *([f"  {item['body']}"] if item["body"] else [])]
    if secret_link:
        lines += ["", secret_link, "", "The link is yours alone: it works once, and for seven days."]
    elif public_url:
        lines += ["", f"{public_url}{notification.link or '/notifications'}"]
    if not secret_link:
        lines += ["", f"How often you get such mails: {public_url}/notifications#preferences"]
    message.set_content("\n".join(lines))
    return message


def _send(
    connection: smtplib.SMTP, notification: Notification, write: Callable[[], EmailMessage], now: datetime
) -> int:
    try:
        connection.send_message(write())
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError, ValueError) as error:
        # This mail is at fault, not the server: the others go on.
        log.warning("mail of notification %s was refused: %s", notification.id, type(error).__name__)
        _put_off(notification, now)
        return 0
    notification.email_state = "sent"
    return 1


def _put_off(notification: Notification, now: datetime) -> None:
    notification.email_attempts += 1
    notification.email_after = now + _BACK_OFF * 2**notification.email_attempts
    if notification.email_attempts >= _ATTEMPTS:
        notification.email_state = "failed"
