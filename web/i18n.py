"""The words of one language: messages, plurals and dates.

Catalogs are read from their .po files when they are first needed, so that nothing has to be
compiled. English is the language of the source and needs no catalog.
"""

from __future__ import annotations

import gettext
import io
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE_DIR = Path(__file__).parent / "locale"
SOURCE_LOCALE = "en"
LOCALES = {"en": "English", "de": "Deutsch"}
DATE_LOCALES = {"en": "en_GB"}  # day, month, year: the order that most readers of English expect
LONGEST_HEADER = 200


def N_(message: str) -> str:  # noqa: N802 - the name that message extraction looks for
    """Mark a message for the catalog where it is written; translate it where it is shown."""
    return message


class Words:
    """The messages of one locale."""

    def __init__(self, locale: str, translations: gettext.NullTranslations) -> None:
        self.locale = locale
        self.direction = Locale.parse(locale).text_direction
        self.gettext = translations.gettext
        self.ngettext = translations.ngettext
        self.pgettext = translations.pgettext
        self.npgettext = translations.npgettext

    def date(self, at: datetime) -> str:
        """12 March 2026"""
        return _date(self.locale, at.date())

    def moment(self, at: datetime) -> str:
        """12 March 2026, 14:05, in UTC."""
        return f"{_date(self.locale, at.date())}, {at:%H:%M}"

    def language_name(self, code: str) -> str:
        """The language's own name, or its code where nobody knows it."""
        return _language_name(code) or code


@lru_cache(maxsize=len(LOCALES))
def words_for(locale: str) -> Words:
    """The words of a locale of LOCALES."""
    if locale == SOURCE_LOCALE:
        return Words(locale, gettext.NullTranslations())
    with catalog_path(locale).open("rb") as file:
        catalog = read_po(file, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Words(locale, gettext.GNUTranslations(compiled))


def catalog_path(locale: str) -> Path:
    return LOCALE_DIR / locale / "LC_MESSAGES" / "messages.po"


def choose_locale(accept_language: str) -> str:
    """The first language of an Accept-Language header that there is a catalog for."""
    return _choose(accept_language[:LONGEST_HEADER])


@lru_cache(maxsize=512)
def _choose(header: str) -> str:
    best, best_weight = SOURCE_LOCALE, 0.0
    for part in header.split(","):
        tag, _, parameter = part.strip().partition(";")
        language = tag.strip().lower().split("-")[0]
        weight = _weight(parameter)
        if language in LOCALES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    if not parameter.strip().startswith("q="):
        return 1.0
    try:
        return float(parameter.strip()[2:])
    except ValueError:
        return 0.0


@lru_cache(maxsize=2048)
def _date(locale: str, day: date) -> str:
    return format_date(day, "long", locale=DATE_LOCALES.get(locale, locale))


@lru_cache(maxsize=256)
def _language_name(code: str) -> str | None:
    try:
        locale = Locale.parse(code, sep="-")
    except (ValueError, LookupError):
        return None
    return locale.get_display_name(locale)
