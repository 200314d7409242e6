"""Templates of one language each: escaping is always on, an unknown name is an error."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from pathlib import Path
from types import CodeType
from typing import Any
from zlib import crc32

from jinja2 import BytecodeCache, DictLoader, Environment, StrictUndefined
from jinja2.bccache import Bucket
from markupsafe import Markup

from web.answers import ICONS
from web.assets import Assets
from web.consent_words import text_of
from web.i18n import Words, words_for
from web.messages import (
    about_words,
    action_words,
    fragment_words,
    label_words,
    problem_words,
)

TEMPLATE_DIR = Path(__file__).parent / "templates"
# Read with the code: files of the next version, put in their place before the restart, do not
# mix with it.
SOURCES = {
    path.relative_to(TEMPLATE_DIR).as_posix(): path.read_text("utf-8")
    for path in TEMPLATE_DIR.rglob("*.html")
}
TONES = 6
SPRITE = (
    Markup('<svg class="unseen" aria-hidden="true">')
    + Markup("").join(
        Markup('<symbol id="i-{}" viewBox="0 0 24 24"><path d="{}"/></symbol>').format(name, path)
        for name, path in ICONS
    )
    + Markup("</svg>")
)
USE = Markup('<svg class="icon{}" aria-hidden="true"><use href="#i-{}"/></svg>')
# Values, not a function: a page shows dozens of them.
USES = {name: USE.format("", name) for name, _ in ICONS}
USES["back-flip"] = USE.format(" flip", "back")  # turned where pages read from right to left


class CompiledTemplates(BytecodeCache):
    """What the templates of one language were compiled to, kept as long as the process lives.

    Compiling takes longer than all else that makes a page. Languages are kept apart: a filter
    over a constant is worked out while its template is compiled.
    """

    def __init__(self) -> None:
        self._codes: dict[str, CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._codes.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if bucket.code is not None:
            self._codes[bucket.key] = bucket.code


COMPILED: defaultdict[str, CompiledTemplates] = defaultdict(CompiledTemplates)  # by language


class Templates:
    """Renders the files of web/templates."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._environments: dict[str, Environment] = {}

    def render(self, locale: str, name: str, **values: Any) -> str:
        """A whole template."""
        return self._environment(locale).get_template(name).render(values)

    def part(self, locale: str, name: str, macro: str, *arguments: Any) -> Markup:
        """One macro of a template, already safe."""
        module = self._environment(locale).get_template(name).module
        return Markup(getattr(module, macro)(*arguments))  # noqa: S704 - a rendered macro is escaped

    def _environment(self, locale: str) -> Environment:
        found = self._environments.get(locale)
        if found is None:
            found = self._environments[locale] = self._make(words_for(locale))
        return found

    def _make(self, words: Words) -> Environment:
        environment = Environment(
            loader=DictLoader(SOURCES),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
            bytecode_cache=COMPILED[words.locale],
        )
        environment.install_gettext_callables(  # type: ignore[attr-defined]
            words.gettext,
            words.ngettext,
            newstyle=True,
            pgettext=words.pgettext,
            npgettext=words.npgettext,
        )
        environment.globals.update(asset=self._assets.url, icon_sprite=SPRITE, icons=USES)
        environment.filters.update(
            date=words.date,
            moment=words.moment,
            language=words.language_name,
            letter=first_letter,
            tone=tone,
            problem=lambda code: problem_words(words, code),
            action=lambda code: action_words(words, code),
            label=lambda code: label_words(words, code),
            consent=lambda purpose: text_of(words, purpose),
            about=lambda code: about_words(words, code),
            fragment_kind=lambda code: fragment_words(words, code),
        )
        return environment


def first_letter(name: str) -> str:
    """The letter on the mark beside a name."""
    for character in name:
        if unicodedata.category(character)[0] in "LN":
            return character.upper()
    return "·"


def tone(identifier: int) -> int:
    """One of the colours for marks, always the same for the same id."""
    return crc32(str(identifier).encode()) % TONES
