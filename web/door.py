"""The doors of a page: one that shows, one that shows what has to be waited for, one that acts.

Every route of pages goes through one of them, so that no page can forget who is visiting, the
check of its form, or what a refusal looks like.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from forum.errors import ForumError
from storage.db import Connection
from storage.sessions import touch
from web import csrf, errors
from web.file_forms import FileLimits, FormReader, limits_for
from web.forms import Form, decode
from web.i18n import LOCALES, SOURCE_LOCALE, choose_locale, words_for
from web.viewer import member_of, read_cookie, session_cookie
from web.visit import Visit, Web

LARGEST_FORM = 400_000  # bytes: the longest post, percent-encoded in a script of three bytes
FORM_TYPE = "application/x-www-form-urlencoded"
READ_PAST = 1_048_576  # of a body that is refused: a browser that is cut off shows no answer

Show = Callable[[Visit, Connection], Awaitable[Response]]
Act = Callable[[Visit], Awaitable[Response]]


class ShowDoor:
    """Answers a GET. The handler reads on the connection that also found the member."""

    def __init__(self, web: Web, handler: Show) -> None:
        self.web = web
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.web.services.database.read() as conn:
            visit = await _visit(self.web, Request(scope, receive), conn, None)
            try:
                response = await self.handler(visit, conn)
            except ForumError as refusal:
                response = await errors.answer(visit, conn, refusal)
        await response(scope, receive, send)


class WaitDoor:
    """Answers a GET that may wait for another server, and holds no connection while it does."""

    def __init__(self, web: Web, handler: Act) -> None:
        self.web = web
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        database = self.web.services.database
        async with database.read() as conn:
            visit = await _visit(self.web, Request(scope, receive), conn, None)
        try:
            response = await self.handler(visit)
        except ForumError as refusal:
            async with database.read() as conn:
                response = await errors.answer(visit, conn, refusal)
        await response(scope, receive, send)


class ActDoor:
    """Answers a POST of a form of ours. The handler opens its own transaction."""

    def __init__(self, web: Web, handler: Act) -> None:
        self.web = web
        self.handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        limits = limits_for(scope["path"], request.headers.get("content-type", ""))
        try:
            if limits is None:
                response = await self._answer_form(request)
            else:
                response = await self._answer_files(request, limits)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer_form(self, request: Request) -> Response:
        form = await _read_form(request)
        async with self.web.services.database.read() as conn:
            visit = await _visit(self.web, request, conn, form)
        try:
            _require_own_form(visit)
            return await self.handler(visit)
        except ForumError as refusal:
            return await self._refuse(visit, refusal)

    async def _answer_files(self, request: Request, limits: FileLimits) -> Response:
        """A form with files: its body is read only from who is signed in, on a page of ours."""
        async with self.web.services.database.read() as conn:
            visit = await _visit(self.web, request, conn, None)
        stream = request.stream()
        try:
            _require_our_page(visit)
            with self.web.file_places.take(visit.require_member().actor_id):
                return await self._read_files(visit, stream, limits)
        except ForumError as refusal:
            await _read_past(stream)
            return await self._refuse(visit, refusal)

    async def _read_files(
        self, visit: Visit, stream: AsyncIterator[bytes], limits: FileLimits
    ) -> Response:
        reader = FormReader(
            visit.request.headers["content-type"],
            limits,
            incoming=visit.services.media.incoming,
            admit=lambda _: _require_token(visit),
        )
        visit.form = reader.form
        try:
            async for chunk in stream:
                reader.feed(chunk)
            reader.finish()
            _require_token(visit)
            return await self.handler(visit)
        finally:
            reader.close()

    async def _refuse(self, visit: Visit, refusal: ForumError) -> Response:
        async with self.web.services.database.read() as conn:
            return await errors.answer(visit, conn, refusal)


async def _visit(web: Web, request: Request, conn: Connection, form: Form | None) -> Visit:
    services = web.services
    session = read_cookie(request, session_cookie(services.site))
    member = None
    if session is not None:
        now = services.clock.now()
        member = await member_of(conn, session, now)
        if member is not None:
            await touch(conn, session, member, now)
    if member is not None and member.locale in LOCALES:
        locale = member.locale
    else:
        locale = choose_locale(request.headers.get("accept-language", SOURCE_LOCALE))
    return Visit(web, request, words_for(locale), session=session, member=member, form=form)


async def _read_form(request: Request) -> Form:
    """The fields of a form; none when it is too large or of another type."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
        return Form()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM:
            return Form()
    return decode(bytes(body))


async def _read_past(stream: AsyncIterator[bytes]) -> None:
    """A little of what a refused body still holds."""
    past = 0
    async for chunk in stream:
        past += len(chunk)
        if past > READ_PAST:
            return


def _require_own_form(visit: Visit) -> None:
    """Raises ForeignForm unless our own page made this form for this visitor."""
    _require_our_page(visit)
    _require_token(visit)


def _require_our_page(visit: Visit) -> None:
    if not csrf.is_from_our_page(visit.request.headers, visit.site.origin):
        raise errors.ForeignForm("foreign_form")


def _require_token(visit: Visit) -> None:
    key = visit.session or visit.anonymous_key()
    token = visit.form.values.get(csrf.FIELD, "")
    if not csrf.is_token_right(visit.services.secret, key, token):
        raise errors.ForeignForm("form_too_old")
