"""The receipt of an erasure: opened with a secret link by whoever holds it, account or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from forum import erasing
from forum.erasing import Receipt
from forum.errors import NotFound
from storage.db import Connection
from web import respond
from web.paging import read_id
from web.visit import Visit


@dataclass(frozen=True, slots=True)
class Group:
    """Servers that stand alike. `heading` counts them, `meaning` says what is known."""

    heading: str
    meaning: str
    hosts: list[str]


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    receipt: Receipt
    what: str
    groups: list[Group]
    link: str
    file: str
    back: str


async def show_receipt(visit: Visit, conn: Connection) -> Response:
    """What was erased, and how each other server stands, as of now."""
    token = visit.name("token")
    receipt = await _receipt(visit, conn)
    thread = read_id(visit.query("thread"))
    view = ReceiptPage(
        receipt=receipt,
        what=_what(visit, receipt),
        groups=_groups(visit, receipt),
        link=f"{visit.site.origin}/receipts/{token}",
        file=f"/receipts/{token}/text",
        back=f"/t/{thread}" if thread is not None and visit.member is not None else "",
    )
    return await respond.page(visit, conn, "receipt.html", view, is_private=True)


async def show_text(visit: Visit, conn: Connection) -> Response:
    """The same as a file to keep."""
    receipt = await _receipt(visit, conn)
    words = visit.words.gettext
    lines = [visit.site.host, words("Receipt of an erasure"), "", _what(visit, receipt)]
    lines += [_time(receipt.erased_at), words("As of:") + " " + _time(visit.now), ""]
    for group in _groups(visit, receipt):
        lines += [group.heading, group.meaning, *(f"- {host}" for host in group.hosts), ""]
    if not receipt.told:
        lines += [_nobody(visit, receipt), ""]
    lines.append(
        words(
            "Other servers and people may have kept copies. We asked them to erase these. We "
            "cannot force them, and cannot check all of them."
        )
    )
    body = "\r\n".join(lines).encode()
    response = respond.file(visit.site, body, "text/plain; charset=utf-8", respond.PRIVATE)
    response.headers["content-disposition"] = 'attachment; filename="receipt.txt"'
    response.headers["x-robots-tag"] = "noindex, noarchive"
    return response


async def _receipt(visit: Visit, conn: Connection) -> Receipt:
    receipt = await erasing.read_receipt(conn, visit.name("token"), visit.now)
    if receipt is None:
        raise NotFound
    return receipt


def _what(visit: Visit, receipt: Receipt) -> str:
    words = visit.words
    if receipt.kind == "received":
        text = words.ngettext(
            "A server was asked to erase %(num)s post that it had received from here.",
            "A server was asked to erase %(num)s posts that it had received from here.",
            receipt.posts,
        )
    elif receipt.kind == "account":
        text = words.ngettext(
            "An account with %(num)s post was erased here.",
            "An account with %(num)s posts was erased here.",
            receipt.posts,
        )
    else:
        text = words.gettext("One post was erased here: its text, its title and its pictures.")
    return text % {"num": receipt.posts} if "%(num)s" in text else text


def _nobody(visit: Visit, receipt: Receipt) -> str:
    if not receipt.is_done:
        return visit.words.gettext(
            "Other servers are being told at this moment. Look again in a minute."
        )
    return visit.words.gettext("It was never sent to another server.")


def _groups(visit: Visit, receipt: Receipt) -> list[Group]:
    words, shown = visit.words, []
    until = words.date(receipt.trying_until)
    for states, heading, meaning in (
        (
            ("confirmed",),
            words.gettext("Confirmed erased: %(num)s"),
            words.gettext("These servers say that nothing of it is left there."),
        ),
        (
            ("told",),
            words.gettext("Told: %(num)s"),
            words.gettext("These servers took our request. They do not say what they did."),
        ),
        (
            ("waiting",),
            words.gettext("Not answering yet: %(num)s"),
            words.gettext("We keep trying until %(date)s.") % {"date": until},
        ),
        (
            ("gave_up",),
            words.gettext("Not told: %(num)s"),
            words.gettext(
                "These servers refused our request, or did not answer for two weeks. If one of "
                "them speaks to us again, we ask once more."
            ),
        ),
        (
            ("blocked",),
            words.gettext("Blocked: %(num)s"),
            words.gettext("This server exchanges nothing with these, so they were not told."),
        ),
    ):
        if hosts := receipt.hosts(*states):
            shown.append(Group(heading % {"num": len(hosts)}, meaning, hosts))
    return shown


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
