"""What becomes of deliveries is written, whatever one of them is like."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from federation.deliver.settling import Finished, Settler
from storage.db import Database
from storage.deliveries import Held
from tests.factories import tick


async def test_one_result_that_can_never_be_written_holds_up_no_other(database: Database) -> None:
    settler = Settler(database)
    odd = Held(2**70, tick(), 500, "too large a number for a column")
    results = await asyncio.gather(
        settler.settle(Finished(1, is_sent=True, is_taken=True), None),
        settler.settle(odd, None),
        settler.settle(Finished(2, is_sent=True, is_taken=False), None),
        return_exceptions=True,
    )
    assert [results[0], results[2]] == [False, False]
    assert isinstance(results[1], asyncpg.DataError)
    assert await settler.settle(Finished(3, is_sent=False, is_taken=False), None) is False
    with pytest.raises(asyncpg.DataError):
        await settler.settle(odd, None)
    settler.close()
