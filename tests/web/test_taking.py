"""A copy of one's own things, asked for and fetched in the browser."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from forum import exporting
from forum.ports import Services
from server.exporting import Exporter
from storage.db import Database
from tests.factories import make_person
from tests.web.conftest import Browser

Open = Callable[..., Browser]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def exporter(services: Services, data_dir: Path) -> Exporter:
    object.__setattr__(services, "data_dir", data_dir)  # of this test alone
    return Exporter(services, data_dir / exporting.DIRECTORY)


async def test_pat04_somebody_asks_for_a_copy_and_fetches_it(
    database: Database, browser: Open, exporter: Exporter
) -> None:
    async with database.write() as conn:
        ada, eve = await make_person(conn, "ada"), await make_person(conn, "eve")
    visitor, other = await browser().sign_in(ada), await browser().sign_in(eve)
    assert 'href="/settings/export"' in (await visitor.get("/settings")).text
    assert (await visitor.get("/settings/export/file")).status_code == 404
    assert (await visitor.send("/settings/export", "/settings/export")).status_code == 303
    assert "being made" in (await visitor.get("/settings/export")).text
    assert await exporter.step()
    page = await visitor.get("/settings/export")
    assert "Your copy is ready" in page.text
    assert page.headers["cache-control"] == "private, no-store"
    fetched = await visitor.get("/settings/export/file")
    assert fetched.headers["content-type"] == "application/zip"
    assert fetched.headers["cache-control"] == "private, no-store"
    assert "attachment" in fetched.headers["content-disposition"]
    assert fetched.headers["x-content-type-options"] == "nosniff"
    with zipfile.ZipFile(io.BytesIO(fetched.content)) as copy:
        assert "ada" in copy.read("index.html").decode()
    assert (await other.get("/settings/export/file")).status_code == 404


async def test_nobody_fetches_a_copy_without_signing_in(
    database: Database, browser: Open, exporter: Exporter
) -> None:
    async with database.write() as conn:
        ada = await make_person(conn, "ada")
    visitor = await browser().sign_in(ada)
    await visitor.send("/settings/export", "/settings/export")
    assert await exporter.step()
    answer = await browser().get("/settings/export/file")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")
