"""Words in every language: catalogs in step with the source, and the language a person reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from tests.web.conftest import Browser
from web.consent_words import text_of
from web.i18n import LOCALE_DIR, LOCALES, SOURCE_LOCALE, catalog_path, choose_locale, words_for

Open = Callable[..., Browser]
Ids = str | tuple[str, ...]

ROOT = LOCALE_DIR.parents[1]
UPDATE = "the catalogs are behind: run the two commands in web/locale/babel.cfg"
TRANSLATED = [locale for locale in LOCALES if locale != SOURCE_LOCALE]
PLACEHOLDER = re.compile(r"%\(\w+\)s|</?\w+>")


def ids_of(catalog: Catalog) -> set[Ids]:
    return {
        message.id if isinstance(message.id, str) else tuple(message.id)
        for message in catalog
        if message.id
    }


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def messages_in_source() -> set[Ids]:
    with (LOCALE_DIR / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None}
    found = extract_from_dir(
        ROOT / "web",
        [(p.removeprefix("web/"), m) for p, m in methods],
        {p.removeprefix("web/"): o for p, o in options.items()},
        keywords,
    )
    return {m if isinstance(m, str) else tuple(m) for _, _, m, _, _ in found}  # fmt: skip


def test_the_template_holds_every_message_of_the_source() -> None:
    assert ids_of(read(LOCALE_DIR / "messages.pot")) == messages_in_source(), UPDATE


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_catalog_is_complete_and_in_step(locale: str) -> None:
    catalog = read(catalog_path(locale))
    assert ids_of(catalog) == ids_of(read(LOCALE_DIR / "messages.pot")), UPDATE
    for message in catalog:
        if message.id:
            texts = [message.string] if isinstance(message.string, str) else message.string
            assert all(texts), message.id
            assert not message.fuzzy, message.id


@pytest.mark.parametrize("locale", TRANSLATED)
def test_a_translation_keeps_the_places_that_are_filled_in(locale: str) -> None:
    for message in read(catalog_path(locale)):
        if not message.id or not isinstance(message.id, str):
            continue
        assert sorted(PLACEHOLDER.findall(message.id)) == sorted(
            PLACEHOLDER.findall(str(message.string))
        ), message.id


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("de", "de"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("en-GB,de;q=0.3", "en"),
        ("fr, de;q=0.5", "de"), ("fr", "en"), ("", "en"), ("*", "en"), ("de;q=0", "en"),
        ("de;q=x", "en"), ("en;q=0.2, de;q=0.9", "de"), (",;,=;q=1", "en"), ("de" * 500, "en"),
    ],
)  # fmt: skip
def test_the_browser_says_which_language_is_read(header: str, locale: str) -> None:
    assert choose_locale(header) == locale


def test_dates_and_plurals_follow_the_language() -> None:
    at = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)
    assert words_for("en").moment(at) == "12 March 2026, 14:05"
    assert words_for("de").moment(at) == "12. März 2026, 14:05"
    assert words_for("de").ngettext("%(num)s reply", "%(num)s replies", 2) == "%(num)s Antworten"


async def test_a_page_speaks_the_language_of_its_reader(browser: Open) -> None:
    page = await browser(language="de-DE,de;q=0.9").page("/sign-up")
    assert page.all("html")[0].attributes["lang"] == "de"
    assert page.all("h1")[0].text == "Konto anlegen"
    answer = await browser(language="de").send(
        "/sign-up", "/sign-up", name="?", password="x", old_enough="yes"
    )
    assert "Das ist zu kurz." in answer.text


async def test_a_page_that_was_compiled_for_one_language_is_compiled_anew_for_the_next(
    browser: Open,
) -> None:
    """A sentence that a filter finds for a constant is fixed when its template is compiled."""
    english = await browser(language="en").page("/sign-up")
    assert text_of(words_for("en"), "account") in english.text
    german = await browser(language="de").page("/sign-up")
    assert text_of(words_for("de"), "account") in german.text


async def test_whoever_signs_up_keeps_the_language(browser: Open) -> None:
    visitor = browser(language="de")
    await visitor.send(
        "/sign-up", "/sign-up", name="fluss", password="lange genug hier", old_enough="yes"
    )
    answer = await visitor.get("/", **{"accept-language": "en"})
    assert "Hallo, fluss" in answer.text
