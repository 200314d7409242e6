"""Lengths and characters are checked before anything is stored."""

from __future__ import annotations

import pytest

from forum.errors import Invalid
from forum.text import TEXT_LIMIT, TITLE_LIMIT, compose, compose_text, language_tag, one_line
from forum.text.clean import sanitise
from forum.text.markdown import to_html


class DirectRenderer:
    """Renders in this process: these tests are about what comes before and after."""

    async def render(self, source: str) -> str:
        return sanitise(to_html(source))


RENDERER = DirectRenderer()


async def test_a_draft_is_checked_and_rendered() -> None:
    draft = await compose(
        RENDERER, title="  Two\r\nlines ", source="a\r\n*b*\x00", content_note="cn", language="de"
    )
    assert (draft.title, draft.source, draft.content_note) == ("Two lines", "a\n*b*", "cn")
    assert draft.html == "<p>a<br>\n<em>b</em></p>\n"
    assert draft.language == "de"


@pytest.mark.parametrize("source", ["", "  \n ", "\x00\x01", "\ufeff"])
async def test_a_text_without_words_is_nothing_at_all(source: str) -> None:
    draft = await compose(RENDERER, title="a", source=source)
    assert (draft.source.strip(), draft.html) == ("", "")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("title", "a" * (TITLE_LIMIT + 1)),
        ("title", "a" * 1_000_000),
        ("source", "a" * (TEXT_LIMIT + 1)),
        ("source", "a" * 1_000_000),
        ("content_note", "a" * 201),
    ],
)
async def test_a_text_over_its_limit_is_refused_and_not_cut(field: str, text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await compose(RENDERER, **{"title": "t", "source": "s", field: text})
    assert (refusal.value.code, refusal.value.field) == ("too_long", field)


async def test_a_text_at_its_limit_is_taken() -> None:
    draft = await compose(RENDERER, title="ü" * TITLE_LIMIT, source="ü" * TEXT_LIMIT)
    assert len(draft.title) == TITLE_LIMIT
    assert len(draft.source) == TEXT_LIMIT


async def test_a_description_may_be_empty() -> None:
    assert (await compose_text(RENDERER, " ", field="description")).html == ""


def test_a_remote_title_is_one_line_and_cut() -> None:
    assert one_line("a\n\x00 b\u202e" + "c" * 300, 10) == "a bccccccc"


@pytest.mark.parametrize("tag", ["de", "pt-BR", "zh-Hans-CN", "ast"])
def test_language_tags_are_kept(tag: str) -> None:
    assert language_tag(tag) == tag


@pytest.mark.parametrize("tag", ["", "x", '"><script>', "de_DE", "de\n", "e" * 40])
def test_what_is_no_language_tag_is_dropped(tag: str) -> None:
    assert language_tag(tag) == ""
