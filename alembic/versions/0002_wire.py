"""What other servers send beside plain text, and what became of exchanging it with them.

Size and locks: new columns are nullable or have constant defaults, so no table is rewritten; the
added checks read `posts` and `actors` once.
"""

from alembic import op

from storage.migration import run_script

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = r"""
-- `type` is the ActivityPub type it federates as. `parts` is what a post carries beside its text:
-- attachments, tags, an event's time and place, what it quotes (storage/parts.py).
alter table posts
  add column type text not null default 'Note' check (type in ('Note', 'Page', 'Article',
    'Question', 'Event', 'Video', 'Audio', 'Image', 'Document', 'Link')),
  add column parts jsonb,
  add constraint posts_erased_parts check (state <> 'erased' or parts is null);

-- What a post said before it was edited; emptied with the post.
create table edits (
  id bigint primary key,
  post_id bigint not null references posts,
  title text not null,
  source text not null,
  html text not null,
  content_note text not null,
  sensitive boolean not null,
  language text not null,
  parts jsonb,
  written_at timestamptz not null
);
create index edits_post on edits (post_id, id);

-- `voters` counts people, the options count choices. Of a poll elsewhere both are what its author's
-- server says.
create table polls (
  post_id bigint primary key references posts,
  is_many boolean not null,
  ends_at timestamptz,
  closed_at timestamptz,
  voters integer not null default 0 check (voters >= 0),
  told_at timestamptz,
  changed_at timestamptz
);
create index polls_open on polls (ends_at) where closed_at is null and ends_at is not null;
create index polls_changed on polls (changed_at) where changed_at is not null;

create table poll_options (
  post_id bigint not null references polls on delete cascade,
  position smallint not null check (position between 0 and 99),
  name text not null check (name <> ''),
  votes integer not null default 0 check (votes >= 0),
  primary key (post_id, position),
  unique (post_id, name)
);

create table poll_votes (
  post_id bigint not null,
  position smallint not null,
  actor_id bigint not null references actors,
  uri text,
  at timestamptz not null default now(),
  primary key (post_id, actor_id, position),
  foreign key (post_id, position) references poll_options on delete cascade
);
create index poll_votes_actor on poll_votes (actor_id);

-- A like, a dislike or an emoji, once for each person and post.
create table reactions (
  post_id bigint not null references posts,
  actor_id bigint not null references actors,
  kind text not null check (kind in ('like', 'dislike', 'emoji')),
  content text not null default '' check (octet_length(content) <= 200),
  uri text,
  at timestamptz not null default now(),
  check ((kind = 'emoji') = (content <> '')),
  primary key (post_id, actor_id, kind, content)
);
create index reactions_actor on reactions (actor_id);
create index reactions_uri on reactions (uri) where uri is not null;

-- What could not be told of a post goes with it.
create index events_dead on events (id) where state = 'dead';

-- What is forgotten once it has arrived: who joined, voted and liked, as it was sent.
drop index activities_joining;
create index activities_passing on activities (created_at)
  where post_id is null or type in ('Vote', 'Like', 'Dislike', 'EmojiReact', 'Undo Like',
    'Undo Dislike', 'Undo EmojiReact');

alter table actors
  add column moved_to bigint references actors,
  add column moved_at timestamptz,
  add column also_known_as text[] not null default '{}';
create index actors_moved_to on actors (moved_to) where moved_to is not null;

-- Public keys are kept as PEM whatever their kind; an Ed25519 key signs proofs (FEP-8b32).
alter table actor_keys
  add column kind text not null default 'rsa' check (kind in ('rsa', 'ed25519'));

-- Who left for good, and whose words are still being taken out.
create table departures (
  actor_id bigint primary key references actors,
  at timestamptz not null default now()
);

-- How a server wants requests signed, once it has shown that.
alter table instances
  add column signature text check (signature in ('cavage', 'rfc9421'));

-- Whether a request without a signature is shown anything but keys and discovery.
alter table site
  add column requires_signed_fetch boolean not null default false;
alter table modlog
  drop constraint modlog_action_check,
  add constraint modlog_action_check check (action in ('remove_post', 'stop_member', 'let_member',
    'accept_member', 'refuse_member', 'remove_member', 'close_report', 'block_server',
    'allow_server', 'unblock_server', 'federation_mode', 'signed_fetch', 'let_in',
    'suspend_account', 'unsuspend_account'));

-- What was said of one person's memberships is told in its order.
create index events_person on events ((payload -> 'actor_id'), id)
  where state = 'waiting' and kind in ('MembershipAsked', 'MembershipLeft', 'FollowAnswered');

-- `lost_since`: what was to be sent since then was dropped, because the server did not answer for two
-- weeks (`parked_at`), said that it is gone (`retired_at`), or was blocked. `back_at`: it speaks
-- again, and what it missed until then is made up for; `caught_up_to` is the last activity that was
-- looked at for it.
alter table destinations
  add column lost_since timestamptz,
  add column retired_at timestamptz,
  add column back_at timestamptz,
  add column caught_up_to bigint,
  add column catching_until timestamptz;
create index destinations_back on destinations (back_at) where back_at is not null;

-- Communities elsewhere whose list of members here may differ from ours (FEP-8fcf). A row stays, so
-- that none is asked too often.
create table follower_checks (
  community_id bigint primary key references communities,
  url text not null check (octet_length(url) between 1 and 2048),
  digest text not null check (octet_length(digest) = 64),
  is_due boolean not null default true,
  claimed_until timestamptz,
  checked_at timestamptz
);

-- Conversations and communities elsewhere that are to be read again, because something was missed.
-- A row stays for a day when it is done, so that nobody makes us read the same again and again.
create table backfills (
  uri text not null check (octet_length(uri) between 1 and 2048),
  kind text not null check (kind in ('community', 'thread')),
  community_id bigint not null references communities,
  host text not null,
  tries integer not null default 0,
  due_at timestamptz not null default now(),
  claimed_until timestamptz,
  done_at timestamptz,
  reason text not null default '',
  primary key (uri, community_id)
);
create index backfills_due on backfills (due_at) where done_at is null;

-- What was taken back before it came, for the minutes in which it may still come.
create table undone (
  hash bytea primary key check (octet_length(hash) = 16),
  at timestamptz not null default now()
);
create index undone_at on undone (at);

-- Servers take turns when what they sent is worked on.
create index inbox_turns on inbox (host, due_at, id) where state = 'waiting';
"""


def upgrade() -> None:
    run_script(op, SCHEMA)
