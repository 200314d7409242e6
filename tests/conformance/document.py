"""docs/conformance.md, made of the rules and of the names of the tests."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.refusals import REFUSALS
from tests.conformance.rules import DECIDED_AGAINST, IN_PART, RULES

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "conformance.md"
COUNTS = Path(__file__).with_name("corpus.tsv")
SHOWS = re.compile(r"^(?:async )?def (test_(?:f[0-9]{2}_)?r([0-9]{2})_\w+)", re.MULTILINE)

INTRODUCTION = """# Conformance

Made by `make conformance`; a test fails when it is out of date. The rules are in
`tests/conformance/rules.py`, and a test shows a rule by having its number in its name.
"""

CORPUS = """## Documents of other servers

With `DAZZLE_TEST_CORPUS` naming a directory of documents that other servers published (one
sub-directory for each peer), `tests/conformance/test_corpus.py` reads all of them and
`python -m tests.corpus_report` counts. Each is read, or refused with a typed reason, and nothing
else is ever raised. The counts of the documents that were at hand:
"""


@dataclass(frozen=True, slots=True)
class Shown:
    name: str
    path: str


def shown_by_rule() -> dict[int, list[Shown]]:
    """The tests in the tree whose names carry a number of a rule."""
    found: dict[int, list[Shown]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for match in SHOWS.finditer(path.read_text(encoding="utf-8")):
            found[int(match[2])].append(Shown(match[1], path.relative_to(ROOT).as_posix()))
    return found


def state_of(rule: int, shown: dict[int, list[Shown]]) -> str:
    if rule in DECIDED_AGAINST:
        return "decided against"
    if rule in IN_PART:
        return "in part"
    return "holds" if shown.get(rule) else "later"


def render() -> str:
    shown = shown_by_rule()
    return "\n".join([INTRODUCTION, _summary(shown), *_details(shown), CORPUS, _counts(), _why()])


def _summary(shown: dict[int, list[Shown]]) -> str:
    states = [state_of(rule, shown) for rule in RULES]
    words = ", ".join(
        f"{states.count(state)} {word}"
        for state, word in (
            ("holds", "hold"),
            ("in part", "hold in part"),
            ("decided against", "were decided against"),
            ("later", "come later"),
        )
        if state in states
    )
    lines = [
        f"Of {len(RULES)} rules {words}.",
        "",
        "| rule | state | tests | |",
        "|--:|---|--:|---|",
    ]
    for rule, text in RULES.items():
        state = state_of(rule, shown)
        mark = f"**{state}**" if state != "later" else state
        lines.append(f"| {rule} | {mark} | {len(shown.get(rule, []))} | {text} |")
    return "\n".join([*lines, ""])


def _details(shown: dict[int, list[Shown]]) -> list[str]:
    lines = ["## What shows each rule", ""]
    for rule in RULES:
        remark = DECIDED_AGAINST.get(rule) or IN_PART.get(rule)
        tests = shown.get(rule, [])
        if not tests and remark is None:
            continue
        lines.append(f"**{rule}**{': ' + remark if remark else ''}")
        lines.append("")
        by_file: dict[str, list[str]] = defaultdict(list)
        for test in tests:
            by_file[test.path].append(test.name)
        for path, names in by_file.items():
            lines.append(f"- [{path}](../{path}): " + ", ".join(f"`{name}`" for name in names))
        lines.append("")
    return lines


def _counts() -> str:
    rows = [line.split("\t") for line in COUNTS.read_text(encoding="utf-8").splitlines()[1:]]
    lines = ["| peer | documents | read | refused |", "|---|--:|--:|--:|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    totals = [sum(int(row[column]) for row in rows) for column in (1, 2, 3)]
    lines.append(f"| **all** | {' | '.join(map(str, totals))} |")
    return "\n".join([*lines, ""])


def _why() -> str:
    lines = ["Why the others are refused:", "", "| peer | reason | |", "|---|---|---|"]
    lines += [f"| {peer} | `{code}` | {why} |" for (peer, code), why in REFUSALS.items()]
    return "\n".join([*lines, ""])
