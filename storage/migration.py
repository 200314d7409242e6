"""Lets a migration be plain SQL of many statements. Used only by the files of `alembic/`."""

from __future__ import annotations

from typing import Any


def run_script(operations: Any, script: str) -> None:
    """Run a script inside the migration's transaction.

    asyncpg prepares what SQLAlchemy sends it, and a prepared statement is one command only; so
    the transaction is opened first and the script goes to the driver as it is.
    """
    bind = operations.get_bind()
    bind.exec_driver_sql("select 1")
    bind.connection.dbapi_connection.run_async(lambda connection: connection.execute(script))
