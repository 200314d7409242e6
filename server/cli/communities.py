"""`dazzle community`."""

from __future__ import annotations

import click

from forum import communities
from forum.communities import Answers
from forum.errors import Invalid
from forum.keypairs import new_keypair
from forum.ports import Services
from forum.text import Rendered
from server.cli.session import with_services
from storage import actors


@click.group()
def community() -> None:
    """Communities of this server."""


@community.command("create")
@click.argument("name")
@click.option("--title", required=True)
@click.option("--description", default="", help="Markdown for the name card.")
@click.option("--readers", type=click.Choice(["members", "anyone"]), required=True)
@click.option("--travels", type=click.Choice(["nowhere", "named", "anywhere"]), required=True)
@click.option("--listed/--unlisted", default=False, help="A name card that anyone can find.")
@click.option("--indexed", is_flag=True, help="Search engines may list it.")
@click.option("--joining", type=click.Choice(["open", "apply", "invite"]), default="apply")
@click.option("--question", "questions", multiple=True, help="Asked of people who apply; up to 5.")
@click.option("--host", "hosts", multiple=True, help="A server it travels to, when named.")
@click.option("--condition", help="For example ORPHA:558.")
@click.option("--owner", help="The account that owns and moderates it.")
def create(
    name: str,
    title: str,
    description: str,
    readers: str,
    travels: str,
    listed: bool,
    indexed: bool,
    joining: str,
    questions: tuple[str, ...],
    hosts: tuple[str, ...],
    condition: str | None,
    owner: str | None,
) -> None:
    """Make a community by answering its plain questions."""
    # Everybody may see a public one, so there is no card to hide.
    answers = Answers(readers, travels, listed or readers == "anyone", indexed, joining, hosts)
    communities.check_answers(answers)

    async def make(services: Services) -> None:
        keypair = await new_keypair()
        html = await services.renderer.render(description) if description else ""
        async with services.database.write() as conn:
            owning = await actors.find_local_unfiltered(conn, owner) if owner else None
            if owner and (owning is None or owning.kind != "person"):
                raise Invalid("no_such_owner", field="owner")
            await communities.create_community(
                conn,
                services.site,
                owning,
                name=name,
                title=title,
                description=Rendered(description, html),
                questions=questions,
                answers=answers,
                condition=condition,
                keypair=keypair,
                now=services.clock.now(),
            )

    with_services(make)
    click.echo(f"Made the community {name.strip().lower()}.")
