"""Pictures that posts of other servers carry, answered from here: a browser never asks there."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from forum.errors import NotFound
from storage.parts import Attachment, parts_of
from storage.threads import Post, read_moderated_post, read_post
from web import respond
from web.paging import read_id
from web.visit import Visit

KEPT_FOR = b"private, max-age=86400"
TYPES = {"avif": "image/avif", "webp": "image/webp", "jpg": "image/jpeg"}


async def show_full(visit: Visit) -> Response:
    """As large as it is kept."""
    return await _show(visit, "full")


async def show_small(visit: Visit) -> Response:
    """As it stands below its post."""
    return await _show(visit, "small")


async def _show(visit: Visit, size: str) -> Response:
    post = await _post(visit)
    picture = _picture(post, visit.name("n"))
    ending = _ending(size, visit.request.headers.get("accept", ""))
    path = await visit.services.remote_pictures.find(post, picture.url, f"{size}.{ending}")
    if path is None:
        raise NotFound
    try:
        body = await asyncio.to_thread(path.read_bytes)
    except FileNotFoundError:
        raise NotFound from None
    kept = KEPT_FOR if post.audience == "public" and post.state == "live" else respond.PRIVATE
    return respond.picture(visit.site, body, TYPES[ending], kept)


async def _post(visit: Visit) -> Post:
    """The post of this path: of another server, and one that the visitor sees, or moderates."""
    post_id = visit.number("id")
    async with visit.services.database.read() as conn:
        post = await read_post(conn, visit.viewer, post_id)
        if post is None and visit.member is not None:
            post = await read_moderated_post(conn, visit.viewer, post_id)
    if post is None or post.is_local:
        raise NotFound
    return post


def _picture(post: Post, number: str) -> Attachment:
    attachments = parts_of(post.parts).attachments
    place = 0 if number == "0" else read_id(number)
    if place is None or place >= len(attachments) or attachments[place].kind != "image":
        raise NotFound
    return attachments[place]


def _ending(size: str, accept: str) -> str:
    """The smallest of what this browser says it can show."""
    if size == "full" and "image/avif" in accept:
        return "avif"
    return "webp" if "image/webp" in accept else "jpg"
