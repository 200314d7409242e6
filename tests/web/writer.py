"""Somebody who writes a thread with files, for several test files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import httpx
from PIL import Image

from storage.db import Database
from tests.factories import SITE
from tests.web.html import Page

if TYPE_CHECKING:
    from tests.web.conftest import Browser

KINDS = {"origin": SITE.origin, "sec-fetch-site": "same-origin"}
WORDS = {"title": "My brace", "source": "It fits."}


def picture(width: int = 900, height: int = 600, kind: str = "JPEG") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, kind)
    return made.getvalue()


class Writer:
    """Somebody at the form for a new thread."""

    def __init__(self, browser: Browser, path: str) -> None:
        self.browser, self.path = browser, path
        self.fields: dict[str, str] = {}

    async def open(self) -> Writer:
        page = await self.browser.page(self.path)
        self.fields = page.form(self.path).fields | WORDS
        return self

    async def send(self, *files: bytes, **fields: str) -> httpx.Response:
        """Send the form as a browser does; afterwards `fields` are those of the page that came."""
        sent = {**self.fields, **fields}
        sent.pop("file", None)
        parts = [("file", (f"{n}.jpg", file, "image/jpeg")) for n, file in enumerate(files)]
        answer = await self.browser.client.post(
            self.path, data=sent, files=parts or [("file", ("", b""))], headers=KINDS
        )
        if answer.status_code == 422:
            self.fields = Page(answer.text).form(self.path).fields
        return answer


async def rows_of(database: Database, statement: str) -> list[tuple[object, ...]]:
    async with database.read() as conn:
        return [tuple(row) for row in await conn.fetch(statement)]
