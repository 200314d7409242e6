"""Every route of the program, and what its parameters name. A route that has no row fails.

`Row.names` says of each parameter of the path which objects it can name; all of them are tried.
Two parameters that name one object together stand there as they stand in the path. A row with
`fields` is a form: it is sent by every viewer with a valid token, so that nothing but the rule
stands in its way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

POSTS = (
    "thread",
    "reply",
    "reply to reply",
    "poll",
    "direct message",
    "held",
    "deleted",
    "removed",
)


@dataclass(frozen=True)
class Row:
    """One route.

    `queries` are added to the address, one after another. `own` marks what shows or changes only
    things of the visitor: what is not theirs cannot be named there. `is_secret` marks addresses
    that hold a secret of their own, which is the key to them.
    """

    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    queries: tuple[str, ...] = ("",)
    fields: dict[str, str] | None = None
    accept: tuple[str, ...] = ("text/html",)
    is_secret: bool = False


def show(*queries: str, **names: tuple[str, ...]) -> Row:
    return Row(names, queries or ("",))


def act(fields: dict[str, str] | None = None, **names: tuple[str, ...]) -> Row:
    return Row(names, fields=fields or {})


def document(*queries: str, **names: tuple[str, ...]) -> Row:
    return Row(names, queries or ("",), accept=("application/activity+json", "text/html", ""))


COMMUNITY = ("community",)
PICTURES = ("image", "thumbnail")
PICTURES_ELSEWHERE = ("picture from elsewhere", "thumbnail from elsewhere")
ACTORS = ("community", "author", "instance")
ACTIVITIES = ("activity",)

ROWS: dict[str, Row] = {
    # Pages of everybody
    "GET /": show("", "?before=1-1", "?page=2"),
    "GET /communities": show("", "?after=a"),
    "GET /communities/new": show(),
    "GET /communities/find": show("?address=harbour", "?address=harbour@here.test"),
    "GET /about": show(),
    "GET /privacy": show(),
    "GET /help": show(),
    "GET /robots.txt": show(),
    "GET /away": show(),
    "GET /static/{file}": show(file=("file",)),
    "GET /sign-up": show(),
    "GET /sign-in": show("?next=/c/harbour"),
    "GET /setup/{token}": Row({"token": ("secret",)}, is_secret=True),
    "GET /admin": show(),
    "GET /settings": show(),
    "GET /settings/close": show(),
    "GET /settings/hand-over": show(),
    "POST /settings/hand-over": act({"old": "x", "password": "x", "shown_name": "x"}),
    "GET /admin/recall": show(),
    "GET /receipts/{token}": show(token=("secret",)),
    "GET /receipts/{token}/text": show(token=("secret",)),
    "GET /settings/consent": show(),
    "GET /settings/blocks": show(),
    "GET /settings/names": show(),
    "GET /c/{name}/moderation/names": show(name=COMMUNITY),
    "GET /settings/noticing": show(),
    "GET /settings/export": show(),
    "GET /settings/security": show(),
    "GET /settings/security/code": show(),
    "GET /settings/passkeys": show(),
    "GET /sign-in/recovery": show(),
    "GET /settings/mail": show(),
    "GET /settings/mail/confirm/{token}": show(token=("secret",)),
    "GET /sign-in/mail": show("", "?sent=yes"),
    "GET /sign-in/link/{token}": show(token=("secret",)),
    "GET /admin/mail": show(),
    "GET /admin/mail/arrived/{token}": show(token=("secret",)),
    "GET /admin/people": show(),
    "GET /turned-away/{token}": show(token=("secret",)),
    "GET /admin/sign-up": show(),
    "GET /admin/files": show(),
    "GET /sign-up/{token}": show(token=("secret",)),
    "GET /settings/export/file": show(),
    "GET /media/{name}/{variant}": show("", "?x", **{"name}/{variant": PICTURES}),
    "GET /media/remote/{id}/{n}": show("", "?v=1", **{"id}/{n": PICTURES_ELSEWHERE[:1]}),
    "GET /media/remote/{id}/{n}/small": show("", "?v=1", **{"id}/{n": PICTURES_ELSEWHERE[1:]}),
    "GET /{path:path}": show("", ".json", ".rss", path=("path",)),
    "GET /healthz": show(),
    "GET /readyz": show(),
    # Pages of a community, a thread, a post, a person
    "GET /c/{name}": show("", "?before=1-1", "?done=joined", name=COMMUNITY),
    "GET /c/{name}/new": show(name=COMMUNITY),
    "GET /c/{name}/invite": show(name=COMMUNITY),
    "GET /c/{name}/join": show(name=COMMUNITY),
    "GET /c/{name}/rules": show("", "?next=/c/harbour/new", name=COMMUNITY),
    "GET /c/{name}/you": show(name=COMMUNITY),
    "GET /c/{name}/members": show("", "?after=1", name=COMMUNITY),
    "GET /c/{name}/moderation": show("", "?after=1.2", name=COMMUNITY),
    "GET /i/{token}": Row({"token": ("secret",)}, is_secret=True),
    "GET /t/{id}": show("", "?after=1.2", id=POSTS),
    "GET /t/{id}/reply": show("", "?to={reply}", id=POSTS),
    "GET /p/{id}": show(id=POSTS),
    "GET /p/{id}/change": show(id=POSTS),
    "GET /messages": show(),
    "GET /messages/new": show("?to={author}"),
    "GET /messages/{id}": show(id=POSTS),
    "GET /u/{name}": show(name=("author", "community")),
    # Forms
    "POST /sign-up": act({"name": "harbour", "password": "a long enough one"}),
    "POST /sign-in": act({"name": "harbour", "password": "a long enough one"}),
    "POST /sign-out": act(),
    "POST /setup/{token}": act(token=("secret",)),
    "POST /communities/new": act({"name": "harbour", "title": "Mine"}),
    "POST /communities/find": act({"address": "harbour"}),
    "POST /c/{name}/join": act({"answer1": "x"}, name=COMMUNITY),
    "POST /c/{name}/subscribe": act(name=COMMUNITY),
    "POST /c/{name}/unsubscribe": act(name=COMMUNITY),
    "POST /c/{name}/leave": act(name=COMMUNITY),
    "POST /c/{name}/invite": act({"uses": "1", "days": "1"}, name=COMMUNITY),
    "GET /c/{name}/moderation/joining": show(name=COMMUNITY),
    "POST /c/{name}/moderation/questions": act({"questions": "x"}, name=COMMUNITY),
    "POST /c/{name}/moderation/rules": act({"rules": "x"}, name=COMMUNITY),
    "POST /c/{name}/moderation/role": act({"name": "member", "role": "member"}, name=COMMUNITY),
    "POST /c/{name}/invite/mail": act({"addresses": "a@there.test", "days": "1"}, name=COMMUNITY),
    "POST /c/{name}/invite/cards": act({"cards": "1", "days": "1"}, name=COMMUNITY),
    "POST /c/{name}/invite/end": act(name=COMMUNITY),
    "POST /c/{name}/rules": act({"rules": "yes", "rules_version": "1"}, name=COMMUNITY),
    "POST /c/{name}/you": act({"label": "lives_with", "shown": "yes"}, name=COMMUNITY),
    "POST /c/{name}/new": act({"title": "x", "source": "x"}, name=COMMUNITY),
    "POST /c/{name}/accept": act({"person": "{asking}"}, name=COMMUNITY),
    "POST /c/{name}/refuse": act({"person": "{member}", "reason": "x"}, name=COMMUNITY),
    "POST /c/{name}/let": act({"person": "{member}"}, name=COMMUNITY),
    "POST /c/{name}/let-come-again": act({"person": "{refused}"}, name=COMMUNITY),
    "POST /c/{name}/reports/close": act({"report": "{report}"}, name=COMMUNITY),
    "POST /i/{token}": act(token=("secret",)),
    "POST /t/{id}/reply": act({"source": "x", "to": "{reply}"}, id=POSTS),
    "POST /p/{id}/support": act(id=POSTS),
    "POST /messages": act({"mail": "yes"}),
    "POST /messages/new": act({"to": "{author}", "source": "x"}),
    "POST /messages/{id}": act({"source": "x"}, id=POSTS),
    "POST /messages/{id}/act": act({"act": "hide"}, id=POSTS),
    "POST /p/{id}/change": act({"title": "x", "source": "x"}, id=POSTS),
    "POST /p/{id}/report": act({"reason": "x"}, id=POSTS),
    "POST /p/{id}/block": act(id=POSTS),
    "POST /p/{id}/mute": act(id=POSTS),
    "POST /p/{id}/name": act({"reason": "x"}, id=POSTS),
    "POST /settings/names": act({"name": "1"}),
    "POST /c/{name}/moderation/names": act({"allowed": "yes"}, name=COMMUNITY),
    "POST /p/{id}/delete": act(id=POSTS),
    "POST /p/{id}/remove": act({"reason": "x"}, id=POSTS),
    "POST /p/{id}/stop": act({"reason": "x", "days": "1"}, id=POSTS),
    "POST /p/{id}/let": act(id=POSTS),
    "POST /settings/export": act(),
    "GET /settings/import": show(),
    "GET /settings/import/{id}": show("", "?only=done", id=("secret",)),
    "POST /settings/import": act({"kind": "follows", "list": "harbour@here.test"}),
    "POST /settings/import/forget": act({"list": "1"}),
    "GET /settings/move": show(),
    "POST /settings/move": act({"address": "author@here.test", "password": "x", "sure": "yes"}),
    "POST /settings/move/back": act(),
    "POST /settings/move/names": act({"other": "author@here.test"}),
    "POST /settings/move/names/drop": act({"name": "x"}),
    "POST /settings/security/sessions": act({"session": "1"}),
    "POST /settings/security/idle": act({"minutes": "7"}),
    "POST /settings/security/codes": act({"password": "x"}),
    "POST /settings/security/begin": act({"password": "x"}),
    "POST /settings/security/code": act({"code": "1"}),
    "POST /settings/security/off": act({"password": "x"}),
    "POST /settings/passkeys": act({"proof": "x", "answer": "{}", "name": "phone"}),
    "POST /settings/passkeys/begin": act({"password": "x"}),
    "POST /settings/passkeys/drop": act({"key": "00"}),
    "POST /sign-in/passkey": act(),
    "POST /sign-in/passkey/answer": act({"proof": "x", "answer": "{}"}),
    "POST /sign-in/code": act({"half": "x", "code": "1"}),
    "POST /sign-in/recovery": act({"name": "nobody", "code": "1", "password": "a long enough one"}),
    "POST /settings/mail": act({"act": "give", "address": "a@b.test", "password": "x"}),
    "POST /settings/mail/confirm/{token}": act(token=("secret",)),
    "POST /sign-in/mail": act({"address": "a@b.test"}),
    "POST /sign-in/link/{token}": act(token=("secret",)),
    "POST /admin/files": act({"person": "1", "all": "1"}),
    "POST /admin/mail": act({"host": "mail.test"}),
    "POST /admin/mail/test": act({"address": "x"}),
    "POST /admin/mail/arrived/{token}": act(token=("secret",)),
    "POST /admin/mail/drop": act({"mail": "1"}),
    "POST /admin/mail/again": act({"mail": "1"}),
    "POST /admin/mail/link": act({"mail": "1"}),
    "POST /admin/invite/mail": act({"addresses": "x", "days": "1"}),
    "POST /admin/invite/end": act({"link": "00"}),
    "POST /admin/sign-up": act({"minimum_age": "1"}),
    "POST /admin/invite": act({"uses": "1", "days": "1"}),
    "POST /admin/turn-away": act({"person": "{member}"}),
    "POST /admin/people": act({"name": "nobody at all"}),
    "POST /admin/role": act({"whom": "nobody at all", "role": "admin"}),
    "POST /settings/close": act({"password": "x", "sure": "yes"}),
    "POST /admin/recall": act({"host": "there.test", "reason": "x"}),
    "POST /settings/blocks": act({"wish": "word", "value": "x"}),
    "POST /settings/blocks/undo": act({"kind": "person", "which": "{author}"}),
    "POST /settings/noticing": act({"is_neutral": "yes"}),
    "POST /settings/consent": act({"purpose": "federation", "act": "withdraw"}),
    "POST /settings/language": act({"locale": "en"}),
    "POST /settings/password": act({"old": "x", "password": "x"}),
    "POST /admin/facts": act({"title": "x"}),
    "POST /admin/federation": act({"federation_mode": "nobody"}),
    "POST /admin/servers": act({"host": "there.test", "decision": "block"}),
    "POST /admin/approve": act({"person": "{asking}"}),
    "POST /admin/reports/close": act({"report": "{report}"}),
    "POST /admin/reports/message": act({"report": "{report}"}),
    # ActivityPub
    "POST /inbox": act(),
    "POST /ap/actors/{actor_id}/inbox": act(actor_id=ACTORS),
    "GET /ap/instance": document(),
    "GET /ap/instance/outbox": document(),
    "GET /ap/actors/{id}": document(id=ACTORS),
    "GET /ap/actors/{id}/outbox": document("", "?page=1", "?before=9", id=ACTORS),
    "GET /ap/actors/{id}/followers": document("", "?page=1", id=ACTORS),
    "GET /ap/actors/{id}/followers_synchronization": document(id=ACTORS),
    "GET /ap/actors/{id}/following": document("", "?page=1", id=ACTORS),
    "GET /ap/actors/{id}/featured": document(id=ACTORS),
    "GET /ap/actors/{id}/moderators": document(id=ACTORS),
    "GET /ap/posts/{id}": document(id=POSTS),
    "GET /ap/posts/{id}/replies": document("", "?after=0", id=POSTS),
    "GET /ap/posts/{id}/context": document("", "?after=0", id=POSTS),
    "GET /ap/activities/{id}": document(id=ACTIVITIES),
    "GET /.well-known/webfinger": show(
        "?resource=acct:harbour@here.test", "?resource=acct:author@here.test"
    ),
    "GET /.well-known/host-meta": show(),
    "GET /.well-known/nodeinfo": show(),
    "GET /nodeinfo/2.0": show(),
    "GET /nodeinfo/2.1": show(),
}
