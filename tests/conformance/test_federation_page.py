"""FEDERATION.md says what the program does: its tables are those of the code (FEP-67ff)."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from federation import quirks
from federation.backfill.conversations import MAX_LEVELS
from federation.backfill.reading import MAX_ITEMS, MAX_PAGES
from federation.publish import PUBLISHERS
from federation.receive import HANDLERS
from federation.routes import DOCUMENTS, OPEN_DOCUMENTS
from federation.vocabulary.activities import READERS, parse_activity
from federation.vocabulary.actors import ACTOR_KINDS
from federation.vocabulary.attachments import MAX_ATTACHMENTS
from federation.vocabulary.collections import COLLECTION_TYPES
from federation.vocabulary.fields import MAX_ADDRESSED
from federation.vocabulary.polls import MAX_OPTIONS
from federation.vocabulary.posts import MAX_CONTENT, POST_TYPES
from federation.vocabulary.reactions import REACTION_TYPES
from federation.vocabulary.strict import MAX_DEPTH
from federation.vocabulary.tags import MAX_OF_KIND
from federation.vocabulary.wrapping import ACTIVITIES, COLLECTIONS
from forum.events import KINDS
from tests.federation.vocabulary.samples import ADA, EVE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "FEDERATION.md").read_text(encoding="utf-8")
FEP = re.compile(r"FEP-([0-9a-f]{4})")
WORD = re.compile(r"`([^`]+)`")
TYPE = re.compile(r"[A-Z][A-Za-z]+")


def section(heading: str) -> str:
    """What stands below a heading, up to the next one of its kind or above."""
    level = heading.partition(" ")[0]
    after = PAGE.partition(f"\n{heading}\n")[2]
    assert after, heading
    return re.split(rf"^#{{1,{len(level)}}} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def table(heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def words(rows: list[list[str]], column: int) -> set[str]:
    return {word for row in rows for word in WORD.findall(row[column])}


def test_r07_the_activities_that_are_understood_are_those_that_are_read():
    rows = table("### Activities that are understood")
    assert words(rows, 0) == READERS.keys()


def test_r07_what_is_read_is_acted_upon():
    given: dict[str, Any] = {"id": EVE, "actor": ADA, "object": EVE, "target": EVE}
    more = {"content": "🦓", "choice_text": "Yes"}
    kinds = {type(parse_activity({**given, **more, "type": name})) for name in READERS}
    assert kinds == HANDLERS.keys()


def test_r07_what_a_community_passes_on_is_what_is_read_of_it():
    rows = table("### Activities that are understood")
    (announce,) = (row for row in rows if row[0] == "`Announce`")
    assert words([announce], 1) == ACTIVITIES.keys() | REACTION_TYPES | COLLECTIONS


def test_r07_types_that_are_said_to_mean_nothing_mean_nothing():
    (line,) = re.findall(r"nothing of it is kept: (.+?) among them", PAGE, re.DOTALL)
    named = set(WORD.findall(line))
    assert len(named) > 3
    assert not named & READERS.keys()


def test_r07_everything_that_is_told_is_in_the_table():
    rows = table("### Activities that are sent")
    assert words(rows, 3) == PUBLISHERS.keys() == KINDS.keys()


def test_r07_the_activities_that_are_sent_are_those_that_are_rendered():
    tree = ast.parse((ROOT / "federation/render/activities.py").read_text(encoding="utf-8"))
    rendered = {
        str(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and TYPE.fullmatch(str(node.value))
    }
    rows = table("### Activities that are sent")
    said = {word for word in words(rows, 1) if TYPE.fullmatch(word)} - {"Tombstone"}
    assert said == rendered


def test_r07_the_objects_are_those_that_are_read():
    known = POST_TYPES | ACTOR_KINDS.keys() | COLLECTION_TYPES | {"Tombstone"}
    assert words(table("### Objects"), 0) == known


def test_r07_the_limits_are_those_of_the_readers():
    text = section("### Objects")
    for limit in (
        f"({MAX_ATTACHMENTS} of them)",
        f"({MAX_OF_KIND['hashtag']} of each)",
        f"{MAX_ADDRESSED} addressees",
        f"{MAX_OPTIONS} answers of a poll",
        f"{MAX_CONTENT:,} characters of content",
        f"{MAX_DEPTH} levels",
    ):
        assert limit in " ".join(text.split()), limit


def test_r07_the_limits_of_reading_again_are_those_of_the_reader():
    text = " ".join(section("### Delivery").split())
    assert f"at most {MAX_PAGES} pages and {MAX_ITEMS} items of each" in text
    assert f"replies {MAX_LEVELS} levels deep" in text


def test_r07_the_feps_are_those_that_the_program_names():
    """A public function names the FEP that it follows; FEP-67ff is this page."""
    named = {
        fep
        for floor in ("federation", "forum", "storage")
        for path in (ROOT / floor).rglob("*.py")
        for fep in FEP.findall(path.read_text(encoding="utf-8"))
    }
    assert set(FEP.findall(section("## Supported FEPs"))) == named | {"67ff"}


@pytest.mark.parametrize("path", sorted({*DOCUMENTS, *OPEN_DOCUMENTS}))
def test_r07_each_address_is_named(path: str):
    """As `/ap/posts/{id}` with `/replies` beside it."""
    addresses = [WORD.findall(row[1]) for row in table("## Where things are")]
    assert any(path in {whole, *(whole + part for part in parts)} for whole, *parts in addresses)


def test_r07_software_that_is_treated_apart_is_named():
    rows = table("## What it costs with each software")
    named = {name.strip().lower() for row in rows for name in row[0].split(",")}
    expected = {"dazzle", "gotosocial", "lemmy", "mastodon", "nodebb", "piefed", "snac"}
    assert expected <= named & (quirks.FORUMS | quirks.MICROBLOGS)
