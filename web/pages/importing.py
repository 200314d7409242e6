"""Bringing lists from another server: giving one, seeing how far it is and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote

from starlette.responses import Response

from forum import importing
from forum.errors import Invalid, NotFound
from forum.importing import KINDS
from forum.text import clean_characters
from storage import imports
from storage.db import Connection
from storage.imports import Import, Line
from web import respond
from web.i18n import N_
from web.pages.joining import own
from web.paging import read_id
from web.visit import Visit

LISTS_PER_DAY = 8
PAGE = 100

TITLES: dict[str, str] = {
    "follows": N_("Whom you follow"),
    "blocks": N_("Whom you block"),
    "mutes": N_("Whom you mute"),
    "servers": N_("Servers that you block"),
}

# What became of a line, and what the person can do about it.
OUTCOMES: dict[str, str] = {
    "": N_("Waiting"),
    "done": N_("Done"),
    "subscribed": N_("You read along there. That server is not told who you are."),
    "joined": N_("You are a member now."),
    "already": N_("You were there already."),
    "ask_there": N_("Not joined: there you are let in under your own name. Please ask there."),
    "person": N_("Not followed: this is a person. Here nobody can follow people."),
    "not_found": N_("Nothing was found at this address."),
    "no_answer": N_("That server did not answer in time. You can bring this line again later."),
    "later": N_("We asked that server often enough for one list. Please bring this line later."),
    "bad_line": N_("This is not an address that can be used here."),
    "too_many": N_("There is no room for more."),
    "refused": N_("This was not possible."),
}


@dataclass(frozen=True, slots=True)
class Brought:
    """A list with its title and how much of it is done, in percent."""

    list: Import
    title: str
    share: int


@dataclass(frozen=True, slots=True)
class ImportPage:
    lists: list[Brought]
    kinds: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    code: str
    words: str
    count: int


@dataclass(frozen=True, slots=True)
class Said:
    """`page` is where the person can ask themselves, if they have to."""

    line: Line
    words: str
    page: str


@dataclass(frozen=True, slots=True)
class ResultPage:
    """`only` is the outcome that is looked at, `next_number` where the next page begins."""

    brought: Brought
    outcomes: list[Outcome]
    lines: list[Said]
    only: str | None
    next_number: int | None


async def show_import(visit: Visit, conn: Connection) -> Response:
    """The form, and what was brought in the last days."""
    visit.require_member()
    view = ImportPage(
        lists=[_brought(visit, one) for one in await imports.list_own(conn, visit.viewer)],
        kinds=[(kind, visit.words.gettext(TITLES[kind])) for kind in KINDS],
    )
    status = 422 if visit.form.errors else 200
    return await respond.page(
        visit, conn, "settings_import.html", view, here="you", status=status, is_private=True
    )


async def bring(visit: Visit) -> Response:
    """Take a list, pasted or as a file; a worker goes through it."""
    visit.require_member()
    form = visit.form
    if form.errors.get("file") == "file_too_large":
        form.errors["file"] = "list_too_large"
    with form.checked():
        form.stop_if_wrong()
        kind = form.choice("kind", KINDS)
        text = _text_of(visit)
        form.stop_if_wrong()
        await visit.count("import", most=LISTS_PER_DAY, per=timedelta(days=1))
        async with visit.services.database.write() as conn:
            import_id = await importing.begin(conn, await own(visit, conn), kind, text, visit.now)
        return respond.redirect(visit, f"/settings/import/{import_id}", done="list_taken")
    async with visit.services.database.read() as conn:
        return await show_import(visit, conn)


async def show_result(visit: Visit, conn: Connection) -> Response:
    """What became of each line; the person's own, and nobody else's."""
    visit.require_member()
    found = await imports.read_own(conn, visit.viewer, visit.number("id"))
    if found is None:
        raise NotFound
    wanted = visit.query("only")
    only = "" if wanted == "waiting" else wanted if wanted in importing.OUTCOMES else None
    lines = await imports.list_lines(
        conn, visit.viewer, found.id, after=_number(visit.query("after")), outcome=only, limit=PAGE
    )
    view = ResultPage(
        brought=_brought(visit, found),
        outcomes=[
            Outcome(one.outcome or "waiting", _words(visit, one.outcome), one.count)
            for one in await imports.count_outcomes(conn, visit.viewer, found.id)
        ],
        lines=[Said(line, _words(visit, line.outcome), _page_of(visit, line)) for line in lines],
        only=None if only is None else only or "waiting",
        next_number=lines[-1].number if len(lines) == PAGE else None,
    )
    return await respond.page(
        visit, conn, "settings_import_result.html", view, here="you", is_private=True
    )


async def forget(visit: Visit) -> Response:
    """Forget a list before its week is over. What it did stays done."""
    visit.require_member()
    async with visit.services.database.write() as conn:
        await imports.delete_own(
            conn, visit.viewer, read_id(visit.form.values.get("list", "")) or 0
        )
    return respond.redirect(visit, "/settings/import", done="list_forgotten")


def _text_of(visit: Visit) -> str:
    """The file, if there is one, or else what was pasted. Raises Invalid."""
    for upload in visit.form.uploads:
        if upload.size:
            return _decoded(upload.path.read_bytes())
    return visit.form.text("list", most=importing.MOST_CHARACTERS, least=1)


def _decoded(body: bytes) -> str:
    """Spreadsheets save in the letters of old machines too; a table or a picture is no list."""
    if b"\x00" in body:
        raise Invalid("bad_list", field="file")
    try:
        return clean_characters(body.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return clean_characters(body.decode("cp1252", "replace"))


def _brought(visit: Visit, found: Import) -> Brought:
    share = 100 if found.done >= found.total else min(99, found.done * 100 // found.total)
    return Brought(found, visit.words.gettext(TITLES[found.kind]), share)


def _words(visit: Visit, outcome: str) -> str:
    return visit.words.gettext(OUTCOMES[outcome])


def _page_of(visit: Visit, line: Line) -> str:
    found = importing.read_address(line.address) if line.outcome == importing.ASK else None
    if found is None or found.uri:
        return ""
    is_here = importing.is_here(visit.site, found)
    return "/c/" + quote(found.name if is_here else f"{found.name}@{found.host}")


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 8 else 0
