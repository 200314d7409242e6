"""This server's own addresses: the one place that mints local URIs.

The path layout is a contract with other servers; nothing else may spell it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Site:
    """`origin` is scheme://host[:port], without a trailing slash."""

    origin: str

    @property
    def host(self) -> str:
        """host[:port], lower case, as it stands in handles and in actors.host."""
        return urlsplit(self.origin).netloc.lower()

    def actor_uri(self, actor_id: int) -> str:
        return f"{self.origin}/ap/actors/{actor_id}"

    def inbox_uri(self, actor_id: int) -> str:
        return f"{self.actor_uri(actor_id)}/inbox"

    def followers_uri(self, actor_id: int) -> str:
        return f"{self.actor_uri(actor_id)}/followers"

    def followers_there_uri(self, actor_id: int) -> str:
        """Where a server reads which of its own people are among the followers."""
        return f"{self.followers_uri(actor_id)}_synchronization"

    def follow_uri(self, actor_id: int, community_id: int) -> str:
        """The id of a person's Follow of a community: the same one when they come back later."""
        return f"{self.actor_uri(actor_id)}/follows/{community_id}"

    def key_uri(self, actor_id: int) -> str:
        return f"{self.actor_uri(actor_id)}#main-key"

    def proof_key_uri(self, actor_id: int) -> str:
        return f"{self.actor_uri(actor_id)}#ed25519-key"

    @property
    def instance_uri(self) -> str:
        return f"{self.origin}/ap/instance"

    @property
    def shared_inbox(self) -> str:
        return f"{self.origin}/inbox"

    def post_uri(self, post_id: int) -> str:
        return f"{self.origin}/ap/posts/{post_id}"

    def activity_uri(self, activity_id: int) -> str:
        return f"{self.origin}/ap/activities/{activity_id}"

    def person_url(self, name: str) -> str:
        return f"{self.origin}/u/{name}"

    def community_url(self, name: str) -> str:
        return f"{self.origin}/c/{name}"

    def thread_url(self, thread_id: int, post_id: int | None = None) -> str:
        """The human page of a thread, at one of its posts if given."""
        anchor = f"#p{post_id}" if post_id is not None and post_id != thread_id else ""
        return f"{self.origin}/t/{thread_id}{anchor}"

    def is_local_uri(self, uri: str) -> bool:
        return uri == self.origin or uri.startswith(self.origin + "/")
