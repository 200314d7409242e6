"""Mail goes out, once it is known to arrive; what fails is tried again, and nothing is lost."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from forum import mail
from forum.errors import Invalid
from forum.pictures import PictureMaker
from forum.ports import Mailer, MailFailed, Services
from forum.text import ChildRenderer
from server.mailing import LEASE, PAUSES, Post, SmtpMailer
from storage import mails, smtp
from storage.db import Database
from storage.media_files import MediaFiles
from storage.smtp import Smtp
from tests.factories import SITE, make_admin, make_site
from tests.federation.wire import MovableClock
from tests.post_office import PostOffice, open_post_office
from tests.server.seed.test_seed import NoResolver

SECRET = b"x" * 32


@pytest.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with open_post_office() as opened:
        yield opened


@pytest.fixture
async def services(
    database: Database, office: PostOffice, tmp_path: Path
) -> AsyncIterator[Services]:
    async with database.write() as conn:
        await make_site(conn)
        await smtp.save(conn, settings_of(office))
        await smtp.mark_tested(conn, MovableClock().now())
    renderer = ChildRenderer()
    mailer = SmtpMailer(SECRET)
    yield Services(
        database,
        SITE,
        MovableClock(),
        renderer,
        NoResolver(),
        SECRET,
        mailer,
        MediaFiles(tmp_path),
        PictureMaker(),
    )
    await renderer.close()


def settings_of(office: PostOffice, port: int = 0) -> Smtp:
    return Smtp("127.0.0.1", port or office.port, "none", "", None, "post@here.test", None)


async def queue(services: Services, address: str, kind: str = "new_message") -> None:
    async with services.database.write() as conn:
        await mail.queue(
            conn, address=address, kind=kind, locale="en", link="https://here.test/x",
            now=services.clock.now(),
        )  # fmt: skip


async def unsent(services: Services) -> list[mails.WaitingMail]:
    async with services.database.read() as conn:
        return await mails.list_unsent(conn, 10)


async def test_what_is_queued_goes_out_and_no_copy_stays(
    services: Services, office: PostOffice
) -> None:
    await queue(services, "ada@there.test")
    assert await Post(services).step() == 1
    (sent,) = office.taken
    assert (sent["to"], sent["from"]) == ("ada@there.test", "post@here.test")
    assert "https://here.test/x" in sent.get_content()
    assert await unsent(services) == []
    assert await Post(services).step() == 0


async def test_pat30_no_mail_names_a_community_an_illness_or_the_organisation(
    services: Services, office: PostOffice
) -> None:
    async with services.database.write() as conn:
        await conn.execute("update site set title = 'Marfan friends'")
    for kind in sorted(mail.KINDS):
        await queue(services, "ada@there.test", kind)
    while await Post(services).step():
        pass
    assert len(office.taken) == len(mail.KINDS)
    for sent in office.taken:
        assert "marfan" not in sent.as_string().lower()


async def test_before_a_test_has_arrived_nothing_is_sent_and_nothing_is_lost(
    services: Services, office: PostOffice
) -> None:
    async with services.database.write() as conn:
        await smtp.save(conn, settings_of(office))
    await queue(services, "ada@there.test")
    assert await Post(services).step() == 0
    assert office.taken == []
    assert [one.tries for one in await unsent(services)] == [0]


async def test_a_mail_server_that_is_down_is_tried_again_later_and_later(
    services: Services, office: PostOffice
) -> None:
    async with services.database.write() as conn:
        await conn.execute("update smtp set port = 1")
    await queue(services, "ada@there.test")
    assert isinstance(services.clock, MovableClock)
    for pause in PAUSES:
        assert await Post(services).step() == 1
        assert await Post(services).step() == 0
        services.clock.move(pause)
    (waiting,) = await unsent(services)
    assert (waiting.state, waiting.reason) == ("waiting", "unreachable")
    async with services.database.write() as conn:
        await conn.execute("update smtp set port = $1", office.port)
    assert await Post(services).step() == 1
    assert len(office.taken) == 1


async def test_an_address_that_is_refused_for_good_is_given_up_and_shown(
    services: Services, office: PostOffice
) -> None:
    office.refuses = {"no@there.test": "550 no such person", "full@there.test": "452 full"}
    for address in ("no@there.test", "full@there.test", "ada@there.test"):
        await queue(services, address)
    await Post(services).step()
    assert [sent["to"] for sent in office.taken] == ["ada@there.test"]
    states = {one.address: one.state for one in await unsent(services)}
    assert states == {"no@there.test": "dead", "full@there.test": "waiting"}


async def test_a_mail_that_a_dead_worker_had_begun_is_sent_by_the_next(
    services: Services, office: PostOffice
) -> None:
    await queue(services, "ada@there.test")
    now = services.clock.now()
    async with services.database.write() as conn:
        assert len(await mails.claim(conn, now, now + timedelta(minutes=5), 10)) == 1
    assert await Post(services).step() == 0
    assert isinstance(services.clock, MovableClock)
    services.clock.move(timedelta(minutes=6))
    assert await Post(services).step() == 1
    assert len(office.taken) == 1


async def test_aut_04_a_mail_whose_link_has_ended_is_not_sent_and_goes(
    services: Services, office: PostOffice
) -> None:
    now = services.clock.now()
    async with services.database.write() as conn:
        for minutes in (30, 40):
            await mail.queue(
                conn, address=f"ada{minutes}@there.test", kind="sign_in_link", locale="en",
                link="https://here.test/x", now=now, ends_at=now + timedelta(minutes=minutes),
            )  # fmt: skip
    assert isinstance(services.clock, MovableClock)
    services.clock.move(timedelta(minutes=30))
    assert await Post(services).step() == 1
    assert [sent["to"] for sent in office.taken] == ["ada40@there.test"]
    assert len(await unsent(services)) == 1
    async with services.database.write() as conn:
        await mail.tidy(conn, services.clock.now())
    assert await unsent(services) == []


async def test_whoever_was_slow_says_nothing_about_a_mail_that_another_sends(
    services: Services,
) -> None:
    await queue(services, "ada@there.test")
    now = services.clock.now()
    async with services.database.write() as conn:
        (slow,) = await mails.claim(conn, now, now + LEASE, 1)
        later = now + LEASE * 2
        (quick,) = await mails.claim(conn, later, later + LEASE, 1)
        await mails.postpone(conn, slow, later, "unreachable")
        await mails.give_up(conn, slow, "unreachable")
        assert await mails.claim(conn, later, later + LEASE, 1) == []
        await mails.postpone(conn, quick, later, "unreachable")
        assert len(await mails.claim(conn, later, later + LEASE, 1)) == 1


@pytest.mark.parametrize("address", ["a@b.test\r\nBcc: all@there.test", "a@b.test\nX: y"])
async def test_xss_08_an_address_adds_no_header(
    services: Services, office: PostOffice, address: str
) -> None:
    with pytest.raises(MailFailed) as failure:
        await services.mailer.send(settings_of(office), address, "Hello", "x")
    assert failure.value.is_final
    assert office.taken == []


async def test_aut_09_the_password_is_kept_sealed_and_nothing_is_logged(
    services: Services, office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.refuses = {"ada@there.test": "550 no"}
    async with services.database.write() as conn:
        admin = await make_admin(conn)
        given = Smtp("127.0.0.1", office.port, "none", "me", None, "post@here.test", None)
        await mail.change_settings(
            conn, admin, SECRET, given, "kanarie-secret", services.clock.now()
        )
        assert await conn.fetchval("select action from modlog") == "set_mail"
        kept = await smtp.read(conn)
        await smtp.save(conn, settings_of(office))
        await smtp.mark_tested(conn, services.clock.now())
    assert kept.password_sealed is not None
    assert b"kanarie" not in kept.password_sealed
    await queue(services, "ada@there.test")
    await Post(services).step()
    ours = [record for record in caplog.records if record.name.startswith("dazzle")]
    assert [record.getMessage() for record in ours] == ["a mail was not taken: recipient"]


class BrokenMailer:
    """Breaks down over one address in a way that nobody thought of."""

    def __init__(self, sound: Mailer) -> None:
        self._sound = sound

    async def send(self, settings: Smtp, address: str, subject: str, text: str) -> None:
        if address == "odd@there.test":
            raise LookupError("odd")
        await self._sound.send(settings, address, subject, text)


async def test_a_mail_that_breaks_the_sender_holds_up_no_other_and_is_given_up(
    services: Services, office: PostOffice
) -> None:
    odd = replace(services, mailer=BrokenMailer(services.mailer))
    for address in ("odd@there.test", "ada@there.test"):
        await queue(services, address)
    for _ in range(2):  # which of the two is first is left to chance
        with contextlib.suppress(LookupError):
            await Post(odd).step()
    assert [sent["to"] for sent in office.taken] == ["ada@there.test"]
    assert isinstance(services.clock, MovableClock)
    for _ in PAUSES:
        services.clock.move(LEASE + timedelta(minutes=1))
        with pytest.raises(LookupError):
            await Post(odd).step()
    services.clock.move(LEASE + timedelta(minutes=1))
    assert await Post(odd).step() == 1
    assert [one.state for one in await unsent(services)] == ["dead"]


@pytest.mark.parametrize(
    "address",
    ["é@there.test", "a\u202eb@there.test", "a\u200b@there.test", "=?utf-8?q?x=40y?=@there.test"],
)
def test_an_address_has_plain_letters_only(address: str) -> None:
    with pytest.raises(Invalid, match="bad_address"):
        mail.check_address(address)
    assert mail.check_address(" o'neil+x=1@there.test ") == "o'neil+x=1@there.test"
