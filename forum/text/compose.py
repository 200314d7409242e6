"""Checks and renders what a member has written, before any transaction is open."""

from __future__ import annotations

from forum.errors import Invalid
from forum.ports import Renderer
from forum.text.characters import clean_characters, language_tag, one_line
from forum.text.types import NOTE_LIMIT, TEXT_LIMIT, TITLE_LIMIT, Draft, Rendered


async def compose(
    renderer: Renderer, *, title: str, source: str, content_note: str = "", language: str = ""
) -> Draft:
    """A draft of a local thread, or of a reply when `title` is ''.

    Raises Invalid 'too_long' with the field. Whether it may be without words depends on what it
    carries (forum/drafts.py).
    """
    text = await compose_text(renderer, source, field="source")
    return Draft(
        title=_short(title, TITLE_LIMIT, "title"),
        source=text.source,
        html=text.html,
        content_note=_short(content_note, NOTE_LIMIT, "content_note"),
        language=language_tag(language),
    )


async def compose_text(
    renderer: Renderer, source: str, *, field: str, most: int = TEXT_LIMIT
) -> Rendered:
    """Markdown of a description or of a page about the server; may be empty."""
    if len(source) > most * 4:  # before any work is spent on it
        raise Invalid("too_long", field=field)
    text = clean_characters(source).strip("\n").rstrip()
    if len(text) > most:
        raise Invalid("too_long", field=field)
    return Rendered(source=text, html=await renderer.render(text) if text.strip() else "")


def _short(text: str, most: int, field: str) -> str:
    """One line within its limit; cutting what somebody wrote is not ours to do."""
    if len(text) > most * 4:
        raise Invalid("too_long", field=field)
    line = one_line(text, most * 4)
    if len(line) > most:
        raise Invalid("too_long", field=field)
    return line
