from __future__ import annotations

import logging
import subprocess
import sys

import asyncpg
import pytest

from server.log import ROOT, OneLine, Sparing


def line_of(error: Exception, message: str = "a request failed") -> str:
    try:
        raise error
    except Exception:
        record = logging.LogRecord(
            "server.failures", logging.ERROR, __file__, 1, message, (), sys.exc_info()
        )
    return OneLine().format(record)


def test_an_exception_is_one_line_without_its_message():
    line = line_of(ValueError("rosa has Marfan syndrome"))
    assert "ValueError at tests/server/test_log.py:" in line
    assert "rosa" not in line
    assert "\n" not in line


async def test_what_postgresql_quotes_is_not_told(conn):
    with pytest.raises(asyncpg.UniqueViolationError) as caught:
        await conn.execute("insert into instances (host) values ('rosa.example'), ('rosa.example')")
    assert "rosa.example" in str(caught.value)
    assert "rosa" not in line_of(caught.value)


def test_only_the_first_line_of_a_message_is_told():
    line = line_of(ValueError("x"), "Task exception was never retrieved\nfuture: <rosa's secret>")
    assert "Task exception" in line
    assert "secret" not in line


def test_a_cause_is_named_too():
    error = RuntimeError("outer")
    error.__cause__ = KeyError("inner")
    assert "RuntimeError at" in line_of(error)
    assert "after KeyError" in line_of(error)


def test_refusals_without_number_make_no_log_without_end():
    sparing = Sparing(3)

    def told(second: float) -> str | None:
        record = logging.LogRecord("dazzle.refused", logging.INFO, "", 1, "401 x", (), None)
        record.created = second
        return record.getMessage() if sparing.filter(record) else None

    assert [told(7.0 + n / 100) for n in range(10)] == ["401 x"] * 3 + [None] * 7
    assert told(8.0) == "401 x (and 7 more before)"
    assert told(8.5) == "401 x"


BROKEN_FORM = """
import pathlib, sys
from server.log import configure
from web.file_forms import POSTS, FormBroken, FormReader
configure()
reader = FormReader("multipart/form-data; boundary=x", POSTS, incoming=pathlib.Path, admit=print)
try:
    reader.feed(b"--x\\r\\nrosa has it: 1\\r\\n")
except FormBroken:
    print("refused", file=sys.stderr)
"""


def test_a_form_that_cannot_be_read_is_not_quoted():
    told = subprocess.run(
        [sys.executable, "-c", BROKEN_FORM], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert told.stderr == "refused\n"
