"""Says where a link really goes, when its text says something else or does not say it whole."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

LONGEST_TEXT = 120

# It begins where a label does and goes on for a few: without both bounds a text of many dots costs
# the square of its length.
ADDRESS = re.compile(
    r"(?<![\w-])(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b"
)
EVERY_ADDRESS = 5  # a link text that names more servers than this is labelled anyway


def host_of(href: str) -> str:
    """The host that a browser would open, in lower case ASCII; '' for mail and for nonsense."""
    try:  # a browser reads a backslash as a slash: what follows it names no host
        host = urlsplit(href.replace("\\", "/")).hostname or ""
    except ValueError:
        return ""
    return _ascii(host)


def link_label(href: str, text: str) -> str:
    """The text to show for a link. Labelling a label changes nothing."""
    shown = " ".join(text.split())
    host = host_of(href)
    if not host:
        return text
    suffix = f"[{host}]"
    if shown.endswith(suffix):
        return text
    if not shown:
        return suffix
    if len(shown) > LONGEST_TEXT and _looks_like_address(shown):
        return f"{shown[:LONGEST_TEXT]}… {suffix}"
    return f"{text} {suffix}" if _names_another(shown, host) else text


def _looks_like_address(shown: str) -> bool:
    return " " not in shown and ("://" in shown or ADDRESS.match(shown) is not None)


def _names_another(shown: str, host: str) -> bool:
    """Whether the text contains the address of a server that the link does not open."""
    shown = _as_seen(shown)
    if shown.startswith(("http://", "https://")) and "@" not in shown and " " not in shown:
        return not _is_same(host_of(shown), host)
    named = ADDRESS.findall(shown)
    return len(named) > EVERY_ADDRESS or any(not _is_same(_ascii(name), host) for name in named)


def _as_seen(shown: str) -> str:
    """Without letters that nobody sees, and with every kind of dot and letter as the plain one."""
    plain = unicodedata.normalize("NFKC", shown).replace("\u3002", ".")
    return "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")


def _is_same(named: str, host: str) -> bool:
    return named.removeprefix("www.") == host.removeprefix("www.")


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host.lower()
