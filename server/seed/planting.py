"""Lives the stories: every row of the demo is made by the use case that makes it in real life."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from forum import accounts, communities, membership, moderation, rules, setup, threads
from forum.communities import Answers
from forum.errors import Conflict
from forum.keypairs import Keypair
from forum.ports import Services
from forum.text import Draft, Rendered, compose, compose_text
from server.seed.script import Person, Room, Script, Story
from storage.actors import Actor
from storage.audience import Viewer
from storage.communities import Community
from storage.db import Connection
from storage.sessions import Member
from storage.threads import Post

OPENED = timedelta(days=60)  # how long ago the demo's server was set up


@dataclass(frozen=True, slots=True)
class Prepared:
    """What costs time and needs no database: keys, one hash, rendered texts."""

    keypairs: dict[str, Keypair]
    password_hash: str
    about: Rendered
    descriptions: dict[str, Rendered]
    rules: dict[str, Rendered]
    drafts: dict[tuple[str, str], Draft]


async def render_all(services: Services, script: Script) -> dict[tuple[str, str], Draft]:
    """Every thread and reply, by its title and text."""
    drafts = {}
    for story in script.threads:
        drafts[story.title, story.text] = await compose(
            services.renderer,
            title=story.title,
            source=story.text.strip(),
            content_note=story.note,
            language=story.language,
        )
        for said in story.replies:
            drafts["", said.text] = await compose(
                services.renderer, title="", source=said.text.strip(), language=said.language
            )
    return drafts


async def render_descriptions(services: Services, script: Script) -> dict[str, Rendered]:
    return {
        room.name: await compose_text(services.renderer, room.description, field="description")
        for room in script.communities
    }


async def render_rules(services: Services, script: Script) -> dict[str, Rendered]:
    return {
        room.name: await compose_text(services.renderer, room.rules, field="rules")
        for room in script.communities
        if room.rules
    }


@dataclass(slots=True)
class Planting:
    """One telling of a script, in one transaction."""

    conn: Connection
    services: Services
    script: Script
    prepared: Prepared
    now: datetime
    people: dict[str, Actor] = field(default_factory=dict)
    rooms: dict[str, Community] = field(default_factory=dict)
    said: dict[str, Post] = field(default_factory=dict)

    async def plant(self) -> None:
        await self._open_server()
        for person in self.script.people:
            if person.role != "admin":
                await self._sign_up(person)
        for room in self.script.communities:
            await self._open_room(room)
        for story in sorted(self.script.threads, key=lambda story: -story.days):
            await self._tell(story)
        await self._moderate()

    async def _open_server(self) -> None:
        script, admin = self.script, self.script.admin
        token = await setup.issue_setup_token(self.conn)
        if token is None:
            raise Conflict("already_set_up")
        opened = self.now - OPENED
        actor = await setup.complete_setup(
            self.conn,
            self.services.site,
            token=token,
            title=script.title,
            contact=script.contact,
            signup="open",
            federation_mode="open",
            name=admin.name,
            password_hash=self.prepared.password_hash,
            keypair=self.prepared.keypairs[admin.name],
            now=opened,
        )
        self.people[admin.name] = actor
        await setup.change_facts(
            self.conn,
            Member(actor.id, actor.name, "", role="admin", locale="en", state="open"),
            title=script.title,
            contact=script.contact,
            signup="open",
            about=self.prepared.about,
        )

    async def _sign_up(self, person: Person) -> None:
        self.people[person.name] = await accounts.create_account(
            self.conn,
            self.services.site,
            name=person.name,
            password_hash=self.prepared.password_hash,
            keypair=self.prepared.keypairs[person.name],
            role=person.role,
            now=self._moment(OPENED.days - 1, len(self.people)),
        )

    async def _open_room(self, room: Room) -> None:
        when = self._moment(OPENED.days - 2, 60 + len(self.rooms))
        self.rooms[room.name] = community = await communities.create_community(
            self.conn,
            self.services.site,
            self.people[room.owner],
            name=room.name,
            title=room.title,
            description=self.prepared.descriptions[room.name],
            questions=room.questions,
            answers=Answers(room.readers, room.travels, room.listed, room.indexed, room.joining),
            condition=room.condition,
            keypair=self.prepared.keypairs[room.name],
            now=when,
        )
        if room.name in self.prepared.rules:
            community = await self._write_rules(room, community, when)
        for name in room.members:
            await self._join(community, self.people[room.owner], self.people[name], when)

    async def _write_rules(self, room: Room, community: Community, when: datetime) -> Community:
        owner, text = self.people[room.owner], self.prepared.rules[room.name]
        version = await rules.change(self.conn, community, owner, text, when)
        self.rooms[room.name] = replace(community, rules_version=version)
        return self.rooms[room.name]

    async def _join(
        self, community: Community, owner: Actor, person: Actor, when: datetime
    ) -> None:
        """By the door that the community has: open, asked and let in, or invited."""
        token = None
        if community.joining == "invite":
            token = await membership.make_invitation(
                self.conn, Viewer(owner.id), community, uses=1, days=30, now=when
            )
        entered = await membership.ask_to_join(
            self.conn,
            self.services.site,
            community,
            person,
            rules=community.rules_version,
            invitation=token,
            now=when,
        )
        if entered.state == "asked":
            await membership.accept_member(self.conn, community, owner, person, when)

    async def _tell(self, story: Story) -> None:
        site = self.services.site
        started = self._moment(story.days)
        thread = await threads.start_thread(
            self.conn,
            site,
            self.people[story.author],
            self.rooms[story.community],
            self.prepared.drafts[story.title, story.text],
            now=started,
        )
        for said in story.replies:
            post = await threads.reply(
                self.conn,
                site,
                self.people[said.author],
                self.said[said.to] if said.to else thread,
                self.prepared.drafts["", said.text],
                now=started + timedelta(hours=said.hours),
            )
            if said.id:
                self.said[said.id] = post

    async def _moderate(self) -> None:
        """What waits for a moderator, and what one has done already."""
        for ask in self.script.asking:
            await membership.ask_to_join(
                self.conn,
                self.services.site,
                self.rooms[ask.community],
                self.people[ask.person],
                answers=ask.answers,
                rules=self.rooms[ask.community].rules_version,
                now=self._moment(ask.days),
            )
        for word in self.script.reports:
            person, post = self.people[word.person], self.said[word.post]
            await moderation.report(self.conn, person, post, word.reason, self._moment(word.days))
        for word in self.script.removals:
            person, post = self.people[word.person], self.said[word.post]
            when = self._moment(word.days)
            await moderation.remove_post(self.conn, person, post, word.reason, when)
        for gone in self.script.erased:
            post = self.said[gone.post]
            author = next(one for one in self.people.values() if one.id == post.author_id)
            await threads.erase_post(self.conn, author, post, now=self._moment(gone.days))

    def _moment(self, days: float, minutes: float = 0) -> datetime:
        """`days` before now, and some minutes later so that rows keep an order."""
        return self.now - timedelta(days=days) + timedelta(minutes=minutes)
