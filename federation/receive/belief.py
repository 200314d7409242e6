"""Whether what a community passes on of others is theirs: it says so itself, or a proof does."""

from __future__ import annotations

from federation.address import is_same_origin
from federation.errors import FederationError
from federation.proofs import proved_by, verify_proof
from federation.receive.job import Job
from federation.vocabulary.envelope import object_of
from federation.vocabulary.types import Create, Post, Update
from forum.errors import ForumError, NotAllowed
from storage.communities import Community


async def is_proved(job: Job, post: Post, told: Create | Update | Post | str) -> bool:
    """Whether the post, or the activity around it, carries a valid proof of its author.

    An old edit could be told again: without a time in it, a proof does not say which is the later.
    """
    if not is_same_origin(post.author, post.id) or (
        isinstance(told, Update) and post.updated is None
    ):
        return False
    inner = object_of(job.fields)
    nested = inner.get("object") if isinstance(inner, dict) else None
    return post.author in (await _maker_of(job, inner), await _maker_of(job, nested))


async def require_vouched(job: Job, community: Community, actor_uri: str) -> None:
    """Raises NotAllowed unless the activity that is passed on is that actor's.

    Nobody can be asked whether they like something: there is nothing to fetch.
    """
    if is_same_origin(actor_uri, community.uri) or await is_made_by(job, actor_uri):
        return
    raise NotAllowed("not_proved")


async def is_made_by(job: Job, actor_uri: str) -> bool:
    """Whether a proof on what is passed on says that this actor made it (FEP-8b32).

    A proof on something inside it says nothing about it: who wrote a post need not delete it.
    """
    return await _maker_of(job, object_of(job.fields)) == actor_uri


async def _maker_of(job: Job, document: object) -> str | None:
    """Who proved to have made a document; None without a valid proof."""
    if not isinstance(document, dict) or proved_by(document) is None:
        return None
    try:
        return await verify_proof(job.fed, document, job.budget)
    except (FederationError, ForumError):
        return None
