"""`python -m bench`: measures everything in one run and prints a table.

An own PostgreSQL (fsync on) and servers on loopback, in a directory that is removed afterwards.
Rounds are repeated and the median round is shown, because small machines are noisy.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop

from bench import fanout, load, overload, pages, signing, wire
from bench.figures import (
    Figure,
    Limit,
    Postgres,
    limit_table,
    machine,
    median_limits,
    median_of,
    table,
)
from bench.processes import Measured, free_port
from bench.world import PEER_HOSTS, World, build
from server import migrate
from server.app import open_parts
from server.embedded_pg import EmbeddedPostgres
from server.settings import Settings

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
ACTIVITIES = int(os.environ.get("BENCH_ACTIVITIES", "1500"))
BASELINE = 12_000
FLOORS = {
    "thread page, anonymous, warm": 0.30,
    "thread page, signed in": 0.06,
    "inbox POST accepted": 0.45,
    "inbox processed, publish included": 0.15,
    "deliveries": 0.65,
}
WEB_MEGABYTES = 120


def settings_for(directory: Path, dsn: str, port: int) -> Settings:
    return Settings(
        origin=f"http://127.0.0.1:{port}",
        bind=f"127.0.0.1:{port}",
        data_dir=directory,
        database_url=dsn,
        secret_key="s" * 40,
        allow_loopback=True,
        metrics_bind="off",
    )


def environment_of(settings: Settings) -> dict[str, str]:
    return {
        "DAZZLE_ORIGIN": settings.origin,
        "DAZZLE_BIND": settings.bind,
        "DAZZLE_DATA_DIR": str(settings.data_dir),
        "DAZZLE_DATABASE_URL": str(settings.database_url),
        "DAZZLE_SECRET_KEY": str(settings.secret_key),
        "DAZZLE_ALLOW_LOOPBACK": "1",
        "DAZZLE_METRICS_BIND": "off",
    }


async def measure_baseline(directory: Path, dsn: str, postgres: Postgres) -> tuple[Figure, Figure]:
    """A hello world, and R."""
    port = free_port()
    arguments = ["-m", "uvicorn", "bench.baseline:app", "--port", str(port)]
    arguments += ["--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    server = Measured(arguments, {"BENCH_DATABASE_URL": dsn}, directory / "baseline.log")
    try:
        await server.wait_for_port(port)
        host = f"127.0.0.1:{port}"
        hello = await pages.measure_url(
            "hello world", server, postgres, port, load.get("/hello", host), BASELINE, directory
        )
        r = await pages.measure_url(
            "R: hello world with one SELECT by key",
            server,
            postgres,
            port,
            load.get("/r", host),
            BASELINE,
            directory,
        )
    finally:
        server.stop()
    return hello, r


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rounds share."""

    directory: Path
    settings: Settings
    dsn: str
    postgres: Postgres
    world: World
    senders: overload.Senders
    crowd: fanout.Crowd

    def start(self, command: str, name: str) -> Measured:
        log = self.directory / f"{name}.log"
        return Measured(["-m", "server", command], environment_of(self.settings), log)


@dataclass(frozen=True, slots=True)
class Round:
    figures: list[Figure]
    limits: list[Limit]
    resident: float  # of the web process, before it was flooded


async def measure_round(number: int, bench: Bench) -> Round:
    """The yardsticks, then everything of ours."""
    hello, r = await measure_baseline(bench.directory, bench.dsn, bench.postgres)
    port, world, postgres = bench.settings.address[1], bench.world, bench.postgres
    limits: list[Limit] = []
    server = bench.start("web", f"web{number}")
    try:
        await server.wait_for_port(port)
        figures = await pages.measure_thread(
            world, server, postgres, port, bench.directory, bench.dsn
        )
        accepted = await wire.measure_accepted(
            world, server, postgres, port, bench.directory, count=ACTIVITIES,
            first=number * ACTIVITIES,
        )  # fmt: skip
        resident = server.resident()
    finally:
        server.stop()
    parts = await open_parts(bench.settings)
    try:
        processed = await wire.measure_processed(parts, postgres, ACTIVITIES)
        series = await wire.measure_series(parts, world, ACTIVITIES)
        sent = await wire.measure_deliveries(parts, postgres, ACTIVITIES)
    finally:
        await parts.close()
    limits += await measure_bounds(number, bench)
    signatures = signing.measure(world)
    figures = [hello, r, *figures, accepted, processed, series, sent, *signatures]
    return Round(figures, limits, resident)


async def measure_bounds(number: int, bench: Bench) -> list[Limit]:
    """Overload, then the fan-out, which does without what the overload left behind."""
    port = bench.settings.address[1]
    limits = []
    server = bench.start("web", f"flooded{number}")
    try:
        await server.wait_for_port(port)
        limits += await overload.measure(bench.world, server, bench.senders, port, bench.directory)
        await wire.forget_received(bench.dsn)
        limits += await fanout.measure(
            bench.world,
            bench.crowd,
            lambda: bench.start("work", f"work{number}"),
            bench.dsn,
            bench.settings.origin,
        )
    finally:
        server.stop()
    return limits


async def run(directory: Path) -> None:
    embedded = EmbeddedPostgres(directory / "data")
    dsn = embedded.start()
    try:
        migrate.run(dsn)
        connection = await asyncpg.connect(dsn)
        backend = await connection.fetchval("select pg_backend_pid()")
        postgres = Postgres(parent_of(backend))
        await connection.close()
        settings = settings_for(directory, dsn, free_port())
        ports = [free_port() for _ in range(PEER_HOSTS + 1)]
        sinks = [
            Measured(["-m", "bench.sink", str(port)], {}, directory / "sinks.log") for port in ports
        ]
        try:
            parts = await open_parts(settings)
            world = await build(parts, peer_ports=ports[:PEER_HOSTS])
            senders = await overload.make_senders(parts, world, settings.address[1])
            crowd = await fanout.gather_crowd(parts, world, ports[-1])
            await parts.close()
            await report(Bench(directory, settings, dsn, postgres, world, senders, crowd))
        finally:
            for sink in sinks:
                sink.stop()
    finally:
        embedded.stop()


async def report(bench: Bench) -> None:
    rounds = []
    for number in range(ROUNDS):
        rounds.append(await measure_round(number, bench))
        print(f"round {number + 1} of {ROUNDS} done", file=sys.stderr, flush=True)
    figures = median_of([one.figures for one in rounds])
    by_name = {figure.name: figure for figure in figures}
    yardsticks = {
        "R": by_name["R: hello world with one SELECT by key"],
        "deliveries": by_name["signing and client alone, in series"],
    }
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, median of {ROUNDS} rounds\n")
    print(table(figures, yardsticks, FLOORS))
    largest = max(one.resident for one in rounds)
    usual = Limit("memory of the web process, not flooded", largest, WEB_MEGABYTES, "MB")
    print("\n" + limit_table([usual, *median_limits([one.limits for one in rounds])]))


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid")))


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="dazzle-bench-"))
    directory.chmod(0o711)
    try:
        uvloop.run(run(directory))  # as the worker does, whose loops are measured in here
    finally:
        if "BENCH_KEEP" not in os.environ:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
