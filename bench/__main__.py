"""`python -m bench`: measures everything in one run and prints a table.

An own PostgreSQL (fsync on) and servers on loopback, in a directory that is removed afterwards.
Rounds are repeated and the median round is shown, because small machines are noisy.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench import load, pages, wire
from bench.figures import Figure, Postgres, machine, median_of, table
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
    "inbox POST accepted": 0.25,
    "inbox processed, publish included": 0.10,
    "deliveries": 0.40,
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


async def measure_round(
    number: int, directory: Path, settings: Settings, world: World, dsn: str, postgres: Postgres
) -> tuple[list[Figure], float]:
    """One round: the yardsticks, then everything of ours; and the web process's memory."""
    hello, r = await measure_baseline(directory, dsn, postgres)
    port = settings.address[1]
    server = Measured(
        ["-m", "server", "web"], environment_of(settings), directory / f"web{number}.log"
    )
    try:
        await server.wait_for_port(port)
        figures = await pages.measure_thread(world, server, postgres, port, directory, dsn)
        accepted = await wire.measure_accepted(
            world,
            server,
            postgres,
            port,
            directory,
            count=ACTIVITIES,
            first=number * ACTIVITIES,
        )
        resident = server.resident()
    finally:
        server.stop()
    parts = await open_parts(settings)
    try:
        processed = await wire.measure_processed(parts, postgres, ACTIVITIES)
        series = await wire.measure_series(parts, world, ACTIVITIES)
        sent = await wire.measure_deliveries(parts, postgres, ACTIVITIES)
    finally:
        await parts.close()
    return [hello, r, *figures, accepted, processed, series, sent], resident


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
        ports = [free_port() for _ in range(PEER_HOSTS)]
        sinks = [
            Measured(["-m", "bench.sink", str(port)], {}, directory / "sinks.log") for port in ports
        ]
        try:
            parts = await open_parts(settings)
            world = await build(parts, peer_ports=ports)
            await parts.close()
            await report(directory, settings, world, dsn, postgres)
        finally:
            for sink in sinks:
                sink.stop()
    finally:
        embedded.stop()


async def report(
    directory: Path, settings: Settings, world: World, dsn: str, postgres: Postgres
) -> None:
    rounds, sizes = [], []
    for number in range(ROUNDS):
        figures, resident = await measure_round(number, directory, settings, world, dsn, postgres)
        rounds.append(figures)
        sizes.append(resident)
        print(f"round {number + 1} of {ROUNDS} done", file=sys.stderr, flush=True)
    figures = median_of(rounds)
    by_name = {figure.name: figure for figure in figures}
    yardsticks = {
        "R": by_name["R: hello world with one SELECT by key"],
        "deliveries": by_name["signing and client alone, in series"],
    }
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, median of {ROUNDS} rounds\n")
    print(table(figures, yardsticks, FLOORS))
    largest = max(sizes)
    verdict = "met" if largest <= WEB_MEGABYTES else "MISSED"
    print(f"\nWeb process: {largest:.0f} MB resident (at most {WEB_MEGABYTES}: {verdict}).")


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid")))


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="dazzle-bench-"))
    directory.chmod(0o711)
    try:
        asyncio.run(run(directory))
    finally:
        if "BENCH_KEEP" not in os.environ:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
