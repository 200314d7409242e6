"""A real SMTP server on loopback that keeps what it takes, and refuses what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP

from tests.serving import listen


@dataclass
class PostOffice:
    """`refuses` are answers to recipients."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        del server, session
        message: Message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        return "250 OK"

    def link(self) -> str:
        """The address in the last mail."""
        text = self.taken[-1].get_content()
        return next(line for line in text.splitlines() if line.startswith("http"))


@asynccontextmanager
async def open_post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    listener = listen()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(office, hostname="mail.test"), sock=listener
    )
    office.port = listener.getsockname()[1]
    try:
        yield office
    finally:
        server.close()
