"""A lived-in demo: an invented association, its communities, and what people say there.

It fills an empty database once; a database that holds a demo is never served under a public
address (`server.prepare`), because everybody knows its password.
"""

from __future__ import annotations

from dataclasses import dataclass

from forum.errors import Conflict
from forum.keypairs import new_keypair
from forum.passwords import hash_password
from forum.ports import Services
from forum.text import compose_text
from server.errors import StartError
from server.seed.planting import Planting, Prepared, render_all, render_descriptions, render_rules
from server.seed.script import Script, read_script
from storage import site as sites
from storage.db import Connection

PASSWORD = "zebra-stripes"  # noqa: S105 - of the demo, printed for everybody


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody to sign in as."""

    name: str
    password: str
    who: str

    def __str__(self) -> str:
        return f"{self.name:14} {self.password}   {self.who}"


async def seed(services: Services, *, which: str = "demo") -> list[Login]:
    """Fill an empty database with a demo; a second time changes nothing. The logins.

    Raises StartError when the database is in use for something else.
    """
    script = read_script(which)
    async with services.database.read() as conn:
        row = await sites.read_site(conn)
    if not row.is_seeded:
        if row.set_up_at is not None:
            raise StartError(
                "People use this database already: give an empty one in DAZZLE_DATA_DIR "
                "or DAZZLE_DATABASE_URL for the demo."
            )
        await _plant(services, script)
    elif row.title != script.title:
        raise StartError("This database holds another demo: give an empty one in DAZZLE_DATA_DIR.")
    return logins(which)


async def is_planted(conn: Connection, which: str) -> bool:
    """Whether the database holds this very demo."""
    row = await sites.read_site(conn)
    return row.is_seeded and row.title == read_script(which).title


def logins(which: str) -> list[Login]:
    """Who can be signed in as in that demo."""
    return [Login(person.name, PASSWORD, person.who) for person in read_script(which).people]


async def _plant(services: Services, script: Script) -> None:
    prepared = await _prepare(services, script)
    try:
        async with services.database.write() as conn:
            await Planting(conn, services, script, prepared, services.clock.now()).plant()
            await sites.mark_seeded(conn)
    except Conflict as error:
        raise StartError(f"The demo needs an empty database ({error.code}).") from error


async def _prepare(services: Services, script: Script) -> Prepared:
    names = [one.name for one in script.people] + [room.name for room in script.communities]
    return Prepared(
        keypairs={name: await new_keypair() for name in names},
        password_hash=await hash_password(PASSWORD),
        about=await compose_text(services.renderer, script.about, field="about"),
        descriptions=await render_descriptions(services, script),
        rules=await render_rules(services, script),
        drafts=await render_all(services, script),
    )
