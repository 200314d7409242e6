"""The files in a form for writing: taken in at once, shown small, described, left out again.

What was taken in stays with the form through every error page, and waits a day for its post.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from msgspec import structs

from forum import media
from forum.errors import Invalid, TooMany
from forum.media import ALT_LIMIT, MOST_FILES, Chosen, names_in
from forum.site import Site
from forum.text import Draft
from storage.db import Connection
from storage.media import Medium, find_waiting
from storage.parts import Parts, parts_of
from storage.posts import claim_submission
from storage.threads import Post
from web.file_forms import FILE_FIELD
from web.forms import Form, Upload
from web.visit import Visit

FILES_PER_HOUR = 60
NUMBERS = range(1, MOST_FILES + 1)
SMALL = "small.webp"


@dataclass(frozen=True, slots=True)
class Carried:
    """A file as the form shows it. `number` is that of its fields."""

    number: int
    name: str
    kind: str
    url: str
    width: int | None
    height: int | None


def chosen_in(form: Form) -> tuple[Chosen, ...]:
    """The files that were taken in before and are not left out, with what describes them."""
    found = (
        Chosen(form.values.get(f"media{number}", ""), form.text(f"alt{number}", most=ALT_LIMIT))
        for number in NUMBERS
        if not form.is_ticked(f"drop{number}")
    )
    return tuple(one for one in found if one.name)


async def take_in(visit: Visit) -> tuple[Chosen, ...]:
    """Take in what came with the form; what the post is to carry, new files still undescribed.

    What is wrong is noted in the form, and that new files want a description: once, because
    whoever sends the form again has seen the field.
    """
    form = visit.form
    chosen = list(chosen_in(form))
    for upload in form.uploads:
        if len(chosen) >= MOST_FILES:
            form.fail(FILE_FIELD, "too_many_files")
            break
        with form.checked():
            medium = await _keep(visit, upload)
            chosen.append(Chosen(medium.name))
            form.fail("describe", "describe_files")
    _write_back(form, chosen)
    return tuple(chosen)


def put_back(form: Form, site: Site, post: Post) -> None:
    """Fill the fields of a form with the files of the post that it changes."""
    attachments = parts_of(post.parts).attachments
    _write_back(
        form, [Chosen(name, one.alt) for one in attachments for name in names_in(site, [one])]
    )


async def change(
    visit: Visit, conn: Connection, draft: Draft, chosen: Sequence[Chosen], post: Post
) -> Draft:
    """The draft for a post that is changed: its files as the form says, all else as it was."""
    person = visit.require_member().actor_id
    known = parts_of(post.parts)
    others = tuple(one for one in known.attachments if not names_in(visit.site, [one]))
    found = await media.attachments_of(conn, visit.site, person, chosen, post_id=post.id)
    parts = structs.replace(known, attachments=(*others, *found))
    return replace(draft, parts=parts, files=tuple(one.name for one in chosen))


async def carry(
    visit: Visit, conn: Connection, draft: Draft, chosen: Sequence[Chosen], submission: str | None
) -> Draft:
    """The draft with its files. Of a form that was sent before there is nothing to add."""
    person = visit.require_member().actor_id
    if not chosen:
        return draft
    if submission is not None and await claim_submission(conn, person, submission) is not None:
        return draft
    attachments = await media.attachments_of(conn, visit.site, person, chosen)
    names = tuple(one.name for one in chosen)
    return replace(draft, parts=Parts(attachments=attachments), files=names)


async def carried_by(
    visit: Visit, conn: Connection, post: Post | None = None
) -> tuple[Carried, ...]:
    """The files of the form that are still here; its fields are numbered anew."""
    chosen = {one.name: one for one in chosen_in(visit.form)}
    post_id = None if post is None else post.id
    found = await find_waiting(conn, visit.viewer, list(chosen), post_id)
    if len(found) < len(chosen):
        visit.form.fail(FILE_FIELD, "file_gone")
    _write_back(visit.form, [chosen[medium.name] for medium in found])
    return tuple(_shown(number, medium) for number, medium in zip(NUMBERS, found, strict=False))


async def _keep(visit: Visit, upload: Upload) -> Medium:
    """One file, made ours. Raises Invalid with the file field."""
    services, person = visit.services, visit.require_member().actor_id
    async with services.database.read() as conn:
        await media.require_room(conn, person)
    try:
        await visit.count("file", most=FILES_PER_HOUR, per=timedelta(hours=1))
    except TooMany as refusal:  # beside the field: what was taken in before stays in the form
        raise Invalid(refusal.code, field=FILE_FIELD) from refusal
    prepared = await media.prepare(services.media, services.pictures, upload.path)
    try:
        async with services.database.write() as conn:
            return await media.keep(conn, person, prepared, now=visit.now)
    except Invalid:
        services.media.drop(prepared.name)
        raise


def _write_back(form: Form, chosen: Sequence[Chosen]) -> None:
    for number in NUMBERS:
        for field in ("media", "alt", "drop"):
            form.values.pop(f"{field}{number}", None)
    for number, one in zip(NUMBERS, chosen, strict=False):
        form.values[f"media{number}"] = one.name
        form.values[f"alt{number}"] = one.alt


def _shown(number: int, medium: Medium) -> Carried:
    sizes = {variant["name"]: variant for variant in medium.variants}
    variant = sizes[SMALL] if medium.kind == "image" else medium.variants[0]
    return Carried(
        number=number,
        name=medium.name,
        kind=medium.kind,
        url=f"/media/{medium.name}/{variant['name']}",
        width=variant["width"],
        height=variant["height"],
    )
