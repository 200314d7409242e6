"""As the tests of federation: this server with its inbox on loopback, and others beside it."""

from tests.federation.conftest import here, other_peer, peer

__all__ = ["here", "other_peer", "peer"]
