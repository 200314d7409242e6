"""Text that people write: from markdown, or from other servers, to safe HTML."""

from forum.text.types import Draft, Rendered

__all__ = ["Draft", "Rendered"]
