"""What a post may hold: people here are told what is wrong, what comes from elsewhere is cut."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from forum.errors import Invalid
from forum.text import (
    NOTE_LIMIT,
    OPTION_LIMIT,
    TEXT_LIMIT,
    TITLE_LIMIT,
    Draft,
    PollDraft,
    clean_parts,
    one_line,
)

HTML_LENGTH = 200_000
LANGUAGE_LENGTH = 35
OWN_OPTIONS = range(2, 21)
MOST_OPTIONS = 100
MOST_VOTES = 2**31 - 1
PLAIN_TYPE = "Note"
POLL_TYPE = "Question"
TYPES = frozenset(
    ("Note", "Page", "Article", "Question", "Event", "Video", "Audio", "Image", "Document", "Link")
)
ABOUT = ("self", "child", "other")


def check_draft(draft: Draft, *, is_thread: bool, is_ours: bool) -> Draft:
    """The draft as it is stored, but for its poll. Raises Invalid.

    A post may be nothing but a picture or a poll. A thread from elsewhere may be a title alone:
    Lemmy's may.
    """
    if draft.about not in ("", *ABOUT):
        raise Invalid("choose_one", field="about")
    title = draft.title.strip() if is_thread else ""
    parts = clean_parts(draft.parts)
    if is_thread and not title:
        raise Invalid("empty", field="title")
    needs_more = is_ours or not is_thread
    if needs_more and not (draft.html.strip() or parts.attachments or draft.poll):
        raise Invalid("empty", field="source")
    if is_ours:
        for field, text, most in (
            ("title", title, TITLE_LIMIT),
            ("source", draft.source, TEXT_LIMIT),
            ("content_note", draft.content_note, NOTE_LIMIT),
        ):
            if len(text) > most:
                raise Invalid("too_long", field=field)
    if len(draft.html) > HTML_LENGTH:
        raise Invalid("too_long", field="source")
    return replace(
        draft,
        title=title[:TITLE_LIMIT],
        source=draft.source if len(draft.source) <= TEXT_LIMIT else "",
        content_note=draft.content_note.strip()[:NOTE_LIMIT],
        language=draft.language if len(draft.language) <= LANGUAGE_LENGTH else "",
        type=draft.type if draft.type in TYPES else PLAIN_TYPE,
        parts=parts,
    )


def check_poll(
    poll: PollDraft, *, is_ours: bool, now: datetime, known_end: datetime | None = None
) -> PollDraft | None:
    """The poll as it is stored; None when one from elsewhere leaves nothing to choose.

    `known_end` is when it was to end until now: whoever edits the words need not move it.
    """
    if len(poll.options) > MOST_OPTIONS:
        raise Invalid("too_many_options", field="options")
    return _check_own(poll, now, known_end) if is_ours else _cut_to_fit(poll)


def type_with(asked: str, *, has_poll: bool) -> str:
    """As what a post federates: what has a poll as a Question, and nothing else."""
    if has_poll:
        return POLL_TYPE
    return PLAIN_TYPE if asked == POLL_TYPE else asked


def _check_own(poll: PollDraft, now: datetime, known_end: datetime | None) -> PollDraft:
    """Nobody has voted yet, whatever the draft says."""
    options = tuple(one_line(option, OPTION_LIMIT + 1) for option in poll.options)
    if len(options) not in OWN_OPTIONS:
        raise Invalid("number_of_options", field="options")
    if not all(options):
        raise Invalid("empty", field="options")
    if any(len(option) > OPTION_LIMIT for option in options):
        raise Invalid("too_long", field="options")
    if len(set(options)) < len(options):
        raise Invalid("same_options", field="options")
    if poll.ends_at is not None and poll.ends_at <= now and poll.ends_at != known_end:
        raise Invalid("in_the_past", field="ends_at")
    return PollDraft(options, poll.is_many, poll.ends_at, votes=(0,) * len(options), voters=0)


def _cut_to_fit(poll: PollDraft) -> PollDraft | None:
    """Options that are the same once they are cut are one, with the votes of both."""
    votes: dict[str, int] = {}
    for place, option in enumerate(poll.options):
        name = one_line(option, OPTION_LIMIT)
        counted = poll.votes[place] if place < len(poll.votes) else 0
        if name:
            votes[name] = min(votes.get(name, 0) + max(counted, 0), MOST_VOTES)
    if not votes:
        return None
    voters = poll.voters
    if voters is None:  # some servers count choices only
        voters = max(votes.values()) if poll.is_many else sum(votes.values())
    return replace(
        poll,
        options=tuple(votes),
        votes=tuple(votes.values()),
        voters=min(max(voters, 0), MOST_VOTES),
    )
