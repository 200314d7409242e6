"""Who is known by an address is found without reading everybody of that server."""

from __future__ import annotations

from storage import imports
from storage.db import Connection
from tests.factories import make_remote_person

CROWD = """
insert into actors (id, uri, kind, type, host, is_local, name, display_name, summary_html, inbox)
select -n, 'https://big.test/u/' || n, 'person', 'Person', 'big.test', false, 'n' || n, '', '',
  'https://big.test/u/' || n || '/inbox'
from generate_series(1, 3000) n
"""


async def test_one_address_is_found_among_many_of_its_server_by_an_index(conn: Connection) -> None:
    ada = await make_remote_person(conn, host="big.test", name="Ada")
    await conn.execute(CROWD)
    await conn.execute("analyze actors")
    assert await imports.find_elsewhere_unfiltered(conn, "aDA", "BIG.test") == ada.id
    assert await imports.find_elsewhere_unfiltered(conn, "zz", "big.test") is None
    plan = await conn.fetch(f"explain {imports.FIND_ELSEWHERE}", "zz", "big.test")
    assert "actors_host_name" in "\n".join(row[0] for row in plan)


async def test_of_two_with_one_name_the_newer_is_meant(conn: Connection) -> None:
    older = await make_remote_person(conn, host="big.test", name="ada")
    newer = await make_remote_person(conn, host="big.test", name="Ada")
    assert older.id < newer.id
    assert await imports.find_elsewhere_unfiltered(conn, "ada", "big.test") == newer.id
