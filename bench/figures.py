"""Figures of one run, their ratios to R, and the table that is printed."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from bench.processes import cpu_of_tree


@dataclass(frozen=True, slots=True)
class Figure:
    """`count` things done with `python` and `postgres` CPU seconds in `wall` seconds."""

    name: str
    count: int
    python: float
    postgres: float
    wall: float
    p50: float = 0.0
    p99: float = 0.0
    note: str = ""

    @property
    def per_core(self) -> float:
        """How many a second one core of our Python does."""
        return self.count / self.python if self.python > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that must not be more than `limit`, or, with `is_least`, not less."""

    name: str
    value: float
    limit: float
    unit: str
    is_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.is_least else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Postgres:
    """The database server under measurement, for its CPU time."""

    pid: int

    def cpu(self) -> float:
        return cpu_of_tree(self.pid)


def median_of(rounds: list[list[Figure]]) -> list[Figure]:
    """Per name, the round whose rate is the median; what is in one round only stays."""
    by_name: dict[str, list[Figure]] = {}
    for figures in rounds:
        for figure in figures:
            by_name.setdefault(figure.name, []).append(figure)
    result = []
    for same in by_name.values():
        middle = median(figure.per_core for figure in same)
        result.append(min(same, key=lambda figure: abs(figure.per_core - middle)))
    return result


def median_limits(rounds: list[list[Limit]]) -> list[Limit]:
    """Per name, the median value."""
    by_name: dict[str, list[Limit]] = {}
    for limits in rounds:
        for limit in limits:
            by_name.setdefault(limit.name, []).append(limit)
    return [
        replace(same[0], value=median(limit.value for limit in same)) for same in by_name.values()
    ]


def limit_table(limits: list[Limit]) -> str:
    """A Markdown table of what is bounded."""
    lines = ["| bounded | seen | limit | |", "|---|---|---|---|"]
    for limit in limits:
        bound = f"{'≥' if limit.is_least else '≤'} {limit.limit:g} {limit.unit}"
        verdict = "met" if limit.is_met else "MISSED"
        lines.append(f"| {limit.name} | {limit.value:,.1f} {limit.unit} | {bound} | {verdict} |")
    return "\n".join(lines)


def machine() -> str:
    """What this ran on, in a line."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else platform.machine()
    cores = info.read_text().count("processor\t:") if info.exists() else 0
    return f"{model}, {cores} cores, Python {platform.python_version()}, {platform.system()}"


def table(figures: list[Figure], yardsticks: dict[str, Figure], floors: dict[str, float]) -> str:
    """A Markdown table. A ratio is to R unless the figure has a yardstick of its own."""
    r = yardsticks["R"]
    lines = [
        "| measured | per core /s | ratio | floor | PostgreSQL µs | p50 ms | p99 ms | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for figure in figures:
        yardstick = yardsticks.get(figure.name, r)
        ratio = figure.per_core / yardstick.per_core
        floor = floors.get(figure.name)
        verdict = "met" if floor is not None and ratio >= floor else "MISSED"
        lines.append(
            f"| {figure.name} | {figure.per_core:,.0f} | {ratio:.1%} | "
            f"{'' if floor is None else f'{floor:.0%} {verdict}'} | "
            f"{figure.postgres / figure.count * 1e6:,.0f} | {figure.p50 * 1e3:.1f} | "
            f"{figure.p99 * 1e3:.1f} | {figure.note} |"
        )
    return "\n".join(lines)
