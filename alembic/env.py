"""Runs migrations over asyncpg, then replays the SQL functions behind the read rule.

Runs only in the migration child process: a serving process never imports SQLAlchemy.
"""

import asyncio
import os
from pathlib import Path

import asyncpg
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

FUNCTIONS = Path(__file__).parent.parent / "storage" / "functions.sql"


def run(connection: Connection) -> None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    dsn = os.environ["DAZZLE_MIGRATE_URL"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()
    if context.get_revision_argument() != context.get_head_revision():
        return  # the functions are those of the newest schema
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(FUNCTIONS.read_text(encoding="utf-8"))
    finally:
        await connection.close()


asyncio.run(main())
