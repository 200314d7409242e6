"""Every path of the ActivityPub door. The layout is a contract with other servers."""

from __future__ import annotations

from starlette.routing import Route

from federation import actors, discovery, followers, inbox, objects
from federation.context import Federation
from federation.door import Handler, route

OPEN_DOCUMENTS: dict[str, Handler] = {
    "/ap/instance": actors.show_instance,
    "/ap/instance/outbox": actors.show_instance_outbox,
}

DOCUMENTS: dict[str, Handler] = {
    "/ap/actors/{id}": actors.show_actor,
    "/ap/actors/{id}/outbox": actors.show_outbox,
    "/ap/actors/{id}/followers": actors.show_followers,
    "/ap/actors/{id}/followers_synchronization": followers.show_followers_there,
    "/ap/actors/{id}/following": actors.show_following,
    "/ap/actors/{id}/featured": actors.show_featured,
    "/ap/actors/{id}/moderators": actors.show_moderators,
    "/ap/posts/{id}": objects.show_post,
    "/ap/posts/{id}/replies": objects.show_replies,
    "/ap/posts/{id}/context": objects.show_context,
    "/ap/activities/{id}": objects.show_activity,
}


def routes(fed: Federation) -> list[Route]:
    """The inboxes, which are asked most; GET of every document; discovery."""
    documents = [route(fed, path, handler) for path, handler in DOCUMENTS.items()]
    documents += [
        route(fed, path, handler, is_open=True) for path, handler in OPEN_DOCUMENTS.items()
    ]
    return [*inbox.routes(fed), *documents, *discovery.routes(fed)]
