"""Activities about what people write and who they are: Create, Update, Delete, Move."""

from __future__ import annotations

from federation.errors import Malformed, Unsupported
from federation.vocabulary.actors import ACTOR_KINDS, parse_actor
from federation.vocabulary.envelope import activity_actor, id_or_nothing, object_id, object_of
from federation.vocabulary.fields import Fields, addressed, id_of, reference, text, types_of, uri
from federation.vocabulary.polls import MAX_OPTIONS
from federation.vocabulary.posts import parse_post
from federation.vocabulary.types import Acknowledge, Create, Delete, Move, Post, Update

MAX_REASON = 1000


def read_create(fields: Fields) -> Create:
    actor = activity_actor(fields)
    several = fields.get("object")
    if isinstance(several, list) and len(several) > 1:
        return _votes(fields, actor, several)
    inner = object_of(fields)
    has_audience = bool(fields.get("audience"))
    if isinstance(inner, dict):
        told, people = _post_by(actor, inner), addressed(fields, inner)
        return Create(id_of(fields), actor, told, people, has_audience=has_audience)
    told_id = uri(inner, "object")
    return Create(id_of(fields), actor, told_id, addressed(fields), has_audience=has_audience)


def read_update(fields: Fields) -> Update:
    inner = object_of(fields)
    actor = activity_actor(fields)
    if not isinstance(inner, dict):
        return Update(id_of(fields), actor, uri(inner, "object"))
    if any(t in ACTOR_KINDS for t in types_of(inner)):
        return Update(id_of(fields), actor, parse_actor(inner))
    return Update(id_of(fields), actor, _post_by(actor, inner))


def read_delete(fields: Fields) -> Delete:
    reason = text(fields.get("summary"), MAX_REASON)
    return Delete(id_or_nothing(fields), activity_actor(fields), object_id(fields), reason)


def read_acknowledge(fields: Fields) -> Acknowledge:
    """What was taken back is erased there, says a server that was told so."""
    return Acknowledge(id_of(fields), activity_actor(fields), object_id(fields))


def read_move(fields: Fields) -> Move:
    """An account that is another one from now on. NodeBB moves topics; only whose it is tells."""
    if fields.get("object") is None:
        raise Unsupported("object_type")
    target = reference(fields.get("target"), "target")
    return Move(id_of(fields), activity_actor(fields), object_id(fields), target)


def _votes(fields: Fields, actor: str, several: list[object]) -> Create:
    """Several choices in one poll. Raises Malformed for several of anything else."""
    if len(several) > MAX_OPTIONS:
        raise Malformed("object")
    votes = [_post_by(actor, inner) for inner in several if isinstance(inner, dict)]
    polls = {vote.in_reply_to for vote in votes}
    if len(votes) != len(several) or len(polls) != 1 or not all(v.is_vote for v in votes):
        raise Malformed("object")
    return Create(id_of(fields), actor, votes[0], addressed(fields), tuple(votes[1:]))


def _post_by(actor: str, inner: Fields) -> Post:
    """The post in an activity; who wrote it is who sends it, where that is not said."""
    if inner.get("attributedTo") is None and inner.get("actor") is None:
        inner = {**inner, "attributedTo": actor}
    return parse_post(inner)
