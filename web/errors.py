"""Refusals as pages, in calm words. Hidden and unknown are one page, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from forum.errors import Conflict, ForumError, Invalid, NotAllowed, NotFound, TooMany
from forum.media import MOST_FILES
from storage.db import Connection
from web import respond
from web.file_forms import FormBroken, FormTooLarge
from web.file_places import FilesBusy
from web.messages import problem_words
from web.visit import SignInFirst, Visit

STATUS: dict[type[ForumError], int] = {
    NotFound: 404,
    NotAllowed: 403,
    Invalid: 422,
    Conflict: 409,
    TooMany: 429,
    FormBroken: 400,
    FormTooLarge: 413,
    FilesBusy: 503,
}

DESCRIPTIONS = tuple(f"alt{number}" for number in range(1, MOST_FILES + 1))
TYPED = ("title", "content_note", "source", *DESCRIPTIONS)


class ForeignForm(ForumError):
    """The form was not made by our page for this visitor, or has grown too old."""


@dataclass(frozen=True, slots=True)
class RefusalView:
    sentence: str
    text: str  # what the person had written, so that nothing is lost


async def answer(visit: Visit, conn: Connection, refusal: ForumError) -> Response:
    """The page for a refusal."""
    if isinstance(refusal, SignInFirst):
        return _sign_in_first(visit)
    if isinstance(refusal, NotFound):
        return await not_found(visit, conn)
    status = 403 if isinstance(refusal, ForeignForm) else STATUS.get(type(refusal), 400)
    view = RefusalView(problem_words(visit.words, refusal.code), _written(visit, refusal))
    visit.form.errors.clear()
    response = await respond.page(visit, conn, "refused.html", view, status=status, is_private=True)
    if isinstance(refusal, TooMany):
        response.headers["retry-after"] = str(refusal.retry_after)
    return response


async def not_found(visit: Visit, conn: Connection) -> Response:
    """The one page for what is not there and for what this visitor may not know of."""
    return await respond.page(visit, conn, "not_found.html", status=404, is_private=True)


def _sign_in_first(visit: Visit) -> Response:
    back = visit.path if visit.request.method in ("GET", "HEAD") else "/"
    return respond.redirect(visit, "/sign-in?" + urlencode({"next": back}))


def _written(visit: Visit, refusal: ForumError) -> str:
    """What was typed, to be copied and sent again; nothing that another site might have put in."""
    headers = visit.request.headers
    is_surely_ours = "origin" in headers or "sec-fetch-site" in headers
    if refusal.code == "foreign_form" or not is_surely_ours:
        return ""
    typed = (visit.form.values.get(field, "").strip() for field in TYPED)
    return "\n\n".join(filter(None, typed))
