"""Sends mail: one connection for each, since there is little of it, and what fails is tried again.

A mail may go out twice when the process dies between the other side's yes and our note of it;
it never goes out not at all. No address and no word of it is ever logged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid

import aiosmtplib

from forum import mail
from forum.ports import MailFailed, Services
from forum.sealing import BadSeal, unseal
from storage import mails, smtp
from storage.mails import Mail
from storage.smtp import Smtp
from web.mail_words import compose

log = logging.getLogger("dazzle.mail")

LEASE = timedelta(minutes=5)
BATCH = 10
LOOK_SECONDS = 2.0
TIMEOUT = 20.0
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 20, 60, 240, 720))


class SmtpMailer:
    """Speaks SMTP. `secret` opens the password that is kept sealed."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def send(self, settings: Smtp, address: str, subject: str, text: str) -> None:
        """Hand one mail over. Raises MailFailed."""
        try:
            message = _message(settings.sender, address, subject, text)
            await aiosmtplib.send(
                message,
                sender=settings.sender,
                recipients=[address],
                hostname=settings.host,
                port=settings.port,
                username=settings.username or None,
                password=self._password(settings),
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailFailed("login", is_final=False) from error
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPRecipientRefused) as error:
            raise MailFailed("recipient", is_final=_is_final(error)) from error
        except aiosmtplib.SMTPResponseException as error:
            raise MailFailed("refused", is_final=error.code >= 500) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailFailed("unreachable", is_final=False) from error
        except ValueError as error:  # the address is none that a mail can name
            raise MailFailed("address", is_final=True) from error

    def _password(self, settings: Smtp) -> str | None:
        if settings.password_sealed is None:
            return None
        try:
            return unseal(self._secret, mail.SEAL, settings.password_sealed).decode()
        except BadSeal as error:
            raise MailFailed("password", is_final=False) from error


class Post:
    """The worker's part: what is queued goes out."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if not await self.step():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)

    async def step(self) -> int:
        """Send what is due; how many were tried. Nothing is, before a test has arrived.

        Each is claimed alone: one that stops us holds up none but itself.
        """
        for tried in range(BATCH):
            now = self._services.clock.now()
            async with self._services.database.quiet_write() as conn:
                settings = await smtp.read(conn)
                if settings.tested_at is None:
                    return tried
                due = await mails.claim(conn, now, now + LEASE, 1)
            if not due:
                return tried
            await self._send(settings, due[0])
        return BATCH

    async def _send(self, settings: Smtp, one: Mail) -> None:
        if one.tries > len(PAUSES) + 1:  # whoever began it before did not come to an end
            await self._postpone(one, MailFailed("unreachable", is_final=True))
            return
        subject, text = compose(one.locale, one.kind, str(one.data.get("link", "")))
        try:
            async with asyncio.timeout(LEASE.total_seconds() / 2):
                await self._services.mailer.send(settings, one.address, subject, text)
        except MailFailed as failure:
            await self._postpone(one, failure)
            return
        except TimeoutError:  # a word now and then is no progress, and the lease must hold
            await self._postpone(one, MailFailed("unreachable", is_final=False))
            return
        async with self._services.database.quiet_write() as conn:
            await mails.drop(conn, one.id)

    async def _postpone(self, one: Mail, failure: MailFailed) -> None:
        log.info("a mail was not taken: %s", failure.code)
        async with self._services.database.quiet_write() as conn:
            if failure.is_final or one.tries > len(PAUSES):
                await mails.give_up(conn, one, failure.code)
            else:
                due_at = self._services.clock.now() + PAUSES[one.tries - 1]
                await mails.postpone(conn, one, due_at, failure.code)


def _message(sender: str, address: str, subject: str, text: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = address
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # so that no machine answers (RFC 3834)
    message.set_content(text)
    return message


def _is_final(error: Exception) -> bool:
    """Whether the recipient was refused for good; what looks odd is tried again."""
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return error.code >= 500
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(one.code >= 500 for one in error.recipients)
    return False
