"""The doors of a page: one that shows, one that shows what has to be waited for, one that acts.

Every route of pages goes through one of them, so that no page can forget who is visiting, the
check of its form, or what a refusal looks like.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from forum.errors import ForumError
from storage.db import Connection
from storage.sessions import touch
from web import csrf, errors
from web.file_forms import FileLimits, FormReader, FormTooLarge, limits_for
from web.file_places import FilesBusy, give_back
from web.forms import Form, decode
from web.i18n import LOCALES, SOURCE_LOCALE, choose_locale, words_for
from web.viewer import member_of, read_cookie, session_cookie
from web.visit import Visit, Web

LARGEST_FORM = 400_000  # bytes: the longest post, percent-encoded in a script of three bytes
FORM_TYPE = "application/x-www-form-urlencoded"
# Of a body that is refused: a browser that is cut off shows no answer. More of a form of ours.
READ_PAST = 1_048_576
READ_PAST_SECONDS = 2.0
READ_PAST_OURS = 268_435_456
READ_PAST_OURS_SECONDS = 20.0
FILES_SECONDS = 20 * 60.0  # for a whole form with files

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
                response = await self._answer(request, await _read_form(request))
            else:
                response = await self._answer_files(request, limits)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer_files(self, request: Request, limits: FileLimits) -> Response:
        """A form with files: its body is read only from who is signed in, on a page of ours."""
        visit = await self._begin(request, None)
        stream = request.stream()
        try:
            _require_our_page(visit)
            with self.web.form_places.take(visit.require_member().actor_id):
                return await self._read_files(visit, stream, limits)
        except ForumError as refusal:
            give_back(request.scope)
            await _read_past(stream, refusal)
            return await self._refuse(visit, refusal)

    async def _read_files(
        self, visit: Visit, stream: AsyncIterator[bytes], limits: FileLimits
    ) -> Response:
        with ExitStack() as held:
            reader = FormReader(
                visit.request.headers["content-type"],
                limits,
                incoming=visit.services.media.incoming,
                admit=lambda _: self._admit_files(visit, limits, held),
            )
            visit.form = reader.form
            held.callback(reader.close)
            await _read(stream, reader)
            # Meanwhile the session may have ended, or the account.
            return await self._answer(visit.request, reader.form)

    def _admit_files(self, visit: Visit, limits: FileLimits, held: ExitStack) -> None:
        """Before the first byte of a file. Raises ForeignForm, FormTooLarge and FilesBusy."""
        _require_token(visit)
        if int(visit.request.headers.get("content-length", 0)) > limits.total_bytes:
            raise FormTooLarge
        held.enter_context(self.web.file_places.take(visit.require_member().actor_id))

    async def _answer(self, request: Request, form: Form) -> Response:
        visit = await self._begin(request, form)
        try:
            _require_own_form(visit)
            return await self.handler(visit)
        except ForumError as refusal:
            return await self._refuse(visit, refusal)

    async def _begin(self, request: Request, form: Form | None) -> Visit:
        async with self.web.services.database.read() as conn:
            return await _visit(self.web, request, conn, form)

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


async def _read(stream: AsyncIterator[bytes], reader: FormReader) -> None:
    """The whole form. Raises FormTooLarge also when it takes too long, and FormBroken."""
    try:
        async with asyncio.timeout(FILES_SECONDS):
            async for chunk in stream:
                reader.feed(chunk)
    except TimeoutError:
        raise FormTooLarge from None
    reader.finish()


async def _read_past(stream: AsyncIterator[bytes], refusal: ForumError) -> None:
    """What a refused body still holds, as far as that is worth it."""
    is_ours = isinstance(refusal, FormTooLarge | FilesBusy)
    most = READ_PAST_OURS if is_ours else READ_PAST
    past = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READ_PAST_OURS_SECONDS if is_ours else READ_PAST_SECONDS):
            async for chunk in stream:
                past += len(chunk)
                if past > most:
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
