"""Commands that end. In this process, because each start of Python costs a second."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import pytest

from server.__main__ import run as run_here
from tests.server.program import settings

COMMANDS = (
    "serve web work migrate seed account community policy backup restore doctor"
)  # fmt: skip


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path, database_url, monkeypatch, capsys) -> Run:
    """Types a command; `given` is its standard input."""
    for name, value in settings(tmp_path / "data", DAZZLE_DATABASE_URL=database_url).items():
        monkeypatch.setenv(name, value)

    def type_command(*arguments: str, given: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        status = run_here(list(arguments))
        return Done(status, *capsys.readouterr())

    return type_command


@pytest.fixture
def refused(run) -> Callable[..., str]:
    """Types a command that is refused; the one line it is refused with."""

    def type_command(*arguments: str, given: str = "") -> str:
        done = run(*arguments, given=given)
        assert done.returncode == 2, done
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert done.stdout == ""
        return done.stderr.strip()

    return type_command


def row_of(dsn: str, question: str) -> asyncpg.Record:
    async def ask() -> asyncpg.Record:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchrow(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_help_names_every_command(run):
    done = run("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS.split() if f"\n  {name} " not in done.stdout] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["serve", "--no-such-option"],
        ["account", "create"],
        ["account", "create", "rosa", "--role", "king", "--password-stdin"],
        ["account", "create", "rosa"],
        ["account", "create", "!", "--password-stdin"],
        ["account", "create", "rosa", "--password-stdin"],
        ["account", "password", "nobody_here", "--password-stdin"],
        ["account", "suspend", "nobody_here"],
        ["account", "unsuspend", "nobody_here"],
        ["account", "role", "nobody_here", "admin"],
        ["community", "create", "marfan"],
        ["policy", "mode", "everybody"],
        ["policy", "block", "not a host"],
        ["policy", "signed-fetch", "perhaps"],
        ["backup"],
        ["restore", "/nonexistent/file"],
        ["seed", "--which", "c"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_one_line(refused, arguments):
    assert refused(*arguments, given="short\n").startswith("dazzle: ")


def test_wrong_settings_are_all_told_at_once(refused, monkeypatch):
    monkeypatch.setenv("DAZZLE_ORIGIN", "forum.example")
    monkeypatch.setenv("DAZZLE_WEB_PROCESSES", "many")
    line = refused("serve")
    assert "DAZZLE_ORIGIN" in line
    assert "DAZZLE_WEB_PROCESSES" in line


def test_an_account_is_made_with_a_role(run, refused, database_url):
    done = run(
        "account", "create", "Rosa", "--role", "member", "--password-stdin",
        given="a long walk in the evening\n",
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == ""
    question = (
        "select c.role from accounts c join actors a on a.id = c.actor_id where name = 'rosa'"
    )
    assert row_of(database_url, question)["role"] == "member"
    assert run("account", "role", "Rosa", "moderator").returncode == 0
    assert row_of(database_url, question)["role"] == "moderator"
    again = ["account", "create", "rosa", "--password-stdin"]
    assert "taken" in refused(*again, given="a long walk in the evening\n")


def test_an_account_is_suspended_and_opened_again(run, database_url):
    run("account", "create", "rosa", "--password-stdin", given="a long walk in the evening\n")
    question = (
        "select c.state, a.state as seen from accounts c join actors a on a.id = c.actor_id "
        "where name = 'rosa'"
    )
    assert run("account", "suspend", "Rosa", "--reason", "asked for it").returncode == 0
    assert tuple(row_of(database_url, question)) == ("suspended", "suspended")
    logged = "select action, reason from modlog where action like '%suspend%' order by id desc"
    assert tuple(row_of(database_url, logged)) == ("suspend_account", "asked for it")
    assert run("account", "unsuspend", "rosa").returncode == 0
    assert tuple(row_of(database_url, question)) == ("open", "live")


def test_somebody_who_lost_a_password_gets_another(run, refused, database_url):
    run("account", "create", "rosa", "--password-stdin", given="a long walk in the evening\n")
    question = "select password_hash from accounts"
    before = row_of(database_url, question)["password_hash"]
    short = refused("account", "password", "rosa", "--password-stdin", given="short\n")
    assert "too short" in short
    done = run("account", "password", "rosa", "--password-stdin", given="quite another one\n")
    assert done.returncode == 0, done.stderr
    assert row_of(database_url, question)["password_hash"] != before


def test_a_community_is_made_by_its_answers(run, database_url):
    done = run(
        "community", "create", "marfan", "--title", "Marfan", "--readers", "members",
        "--travels", "nowhere", "--listed", "--joining", "apply", "--condition", "ORPHA:558",
        "--description", "*kind*",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    columns = "readers, travels, listed, indexed, joining, condition, description_html"
    row = row_of(database_url, f"select {columns} from communities")
    assert tuple(row)[:6] == ("members", "nowhere", True, False, "apply", "ORPHA:558")
    assert "<em>kind</em>" in row["description_html"]


def test_answers_that_contradict_each_other_are_refused(refused):
    line = refused(
        "community", "create", "marfan", "--title", "Marfan", "--readers", "members",
        "--travels", "anywhere",
    )  # fmt: skip
    assert "travels" in line


def test_the_policy_is_decided_and_listed(run):
    for words in (["mode", "named"], ["allow", "a.example"], ["block", "B.example"]):
        assert run("policy", *words).returncode == 0
    listed = run("policy", "list").stdout.splitlines()
    assert listed == ["mode named", "allowed a.example", "refused b.example"]
    assert run("policy", "signed-fetch", "on").returncode == 0
    assert run("policy", "list").stdout.splitlines()[:2] == ["mode named", "signed-fetch on"]
    assert run("policy", "signed-fetch", "off").returncode == 0
    assert "signed-fetch" not in run("policy", "list").stdout
    assert run("policy", "unblock", "b.example").returncode == 0
    assert "refused b.example" not in run("policy", "list").stdout


def test_a_seed_prints_its_logins_and_can_be_repeated(run):
    first, second = (
        run("seed", "--which", "b"),
        run("seed", "--which", "b"),
    )
    assert first.returncode == second.returncode == 0
    assert first.stdout == second.stdout
    assert "mattis" in first.stdout


def test_the_doctor_says_what_is_missing(run):
    done = run("doctor")
    assert done.returncode == 2
    assert "nobody is administrator yet" in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_the_doctor_is_content_with_the_demo(run):
    assert run("seed").returncode == 0
    done = run("doctor")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "All is well.")
