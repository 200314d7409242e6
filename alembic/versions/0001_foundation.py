"""The first schema: people, communities, posts, and the queues that federate them.

Size and locks: creates empty tables only; nothing to wait for.
"""

from alembic import op

from storage.migration import run_script

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = r"""
-- People, communities and servers, here and elsewhere. One namespace of local names: a row is
-- never deleted, so a name that was used once can not be taken by somebody else.
create table actors (
  id bigint primary key,
  uri text not null unique check (octet_length(uri) between 1 and 2048),
  kind text not null check (kind in ('person', 'community', 'instance')),
  type text not null,
  host text not null check (host = lower(host) and host <> ''),
  is_local boolean not null,
  name text not null,
  display_name text not null default '',
  summary_html text not null default '',
  url text,
  inbox text not null,
  shared_inbox text,
  followers text,
  state text not null default 'live' check (state in ('live', 'suspended', 'gone')),
  created_at timestamptz not null default now(),
  fetched_at timestamptz
);
create unique index actors_local_name on actors (lower(name)) where is_local;
create index actors_community_name on actors (lower(name), id)
  where is_local and kind = 'community';
create index actors_host on actors (host) where not is_local;

create table actor_keys (
  uri text primary key check (octet_length(uri) between 1 and 2048),
  actor_id bigint not null references actors on delete cascade,
  public_pem text not null,
  private_pem text,
  created_at timestamptz not null default now()
);
create index actor_keys_actor on actor_keys (actor_id);

-- Logins. A person without a row here lives on another server.
create table accounts (
  actor_id bigint primary key references actors,
  password_hash text not null,
  role text not null default 'member' check (role in ('member', 'moderator', 'admin')),
  email text,
  locale text not null default 'en',
  state text not null default 'open' check (state in ('waiting', 'open', 'suspended')),
  created_at timestamptz not null default now()
);

create table sessions (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  account_id bigint not null references accounts on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index sessions_account on sessions (account_id);
create index sessions_expiry on sessions (expires_at);

-- A community's answers to the plain questions (docs: README "What a community decides").
create table communities (
  actor_id bigint primary key references actors,
  readers text not null check (readers in ('members', 'anyone')),
  travels text not null check (travels in ('nowhere', 'named', 'anywhere')),
  listed boolean not null,
  indexed boolean not null,
  joining text not null check (joining in ('open', 'apply', 'invite')),
  description_source text not null default '',
  description_html text not null default '',
  question text not null default '',
  condition text check (condition ~ '^ORPHA:[0-9]{1,7}$'),
  created_at timestamptz not null default now(),
  check (travels <> 'anywhere' or readers = 'anyone'),
  check (not indexed or readers = 'anyone' or listed)
);
create index communities_condition on communities (condition) where condition is not null;

create table community_hosts (
  community_id bigint not null references communities on delete cascade,
  host text not null check (host = lower(host)),
  primary key (community_id, host)
);

-- Standing of one actor in one community, wherever either lives. follow_uri and follow_body are
-- the Follow that asked, because an Accept must embed it with its own id. joined_at stays when
-- somebody leaves: their server may hold posts, and is told what is taken back.
create table memberships (
  community_id bigint not null references communities,
  actor_id bigint not null references actors,
  state text not null check (state in ('asked', 'accepted', 'refused', 'left')),
  role text not null default 'member' check (role in ('member', 'moderator', 'owner')),
  answer text not null default '',
  follow_uri text,
  follow_body text,
  stopped_until timestamptz,
  stopped_reason text not null default '',
  changed_at timestamptz not null default now(),
  joined_at timestamptz,
  check (state <> 'accepted' or joined_at is not null),
  primary key (community_id, actor_id)
);
create index memberships_actor on memberships (actor_id, community_id, state);
create index memberships_accepted on memberships (community_id, actor_id) where state = 'accepted';
create index memberships_asked on memberships (community_id, changed_at) where state = 'asked';
create index memberships_follow on memberships (follow_uri) where follow_uri is not null;

create table invitations (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  community_id bigint not null references communities on delete cascade,
  created_by bigint not null references actors,
  uses_left integer not null check (uses_left >= 0),
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);
create index invitations_community on invitations (community_id);

-- Threads, replies and boosts share one id space (milliseconds << 16 | random). `path` is the
-- chain of ids from the thread to this post: it sorts a tree in reading order and gives depth.
create table posts (
  id bigint primary key,
  uri text not null unique check (octet_length(uri) between 1 and 2048),
  url text,
  kind text not null check (kind in ('thread', 'reply', 'boost')),
  author_id bigint not null references actors,
  community_id bigint references communities,
  thread_id bigint not null references posts,
  parent_id bigint references posts,
  boost_of bigint references posts,
  path bigint[] not null check (cardinality(path) between 1 and 52),
  audience text not null check (audience in ('public', 'community', 'followers', 'direct')),
  state text not null default 'live' check (state in ('live', 'held', 'removed', 'erased')),
  title text not null default '',
  source text not null default '',
  html text not null default '',
  content_note text not null default '',
  sensitive boolean not null default false,
  language text not null default '',
  is_local boolean not null,
  published_at timestamptz not null,
  edited_at timestamptz,
  version bigint not null default 1,
  reply_count integer not null default 0 check (reply_count >= 0),
  active_at timestamptz not null default now(),
  check ((kind = 'thread') = (parent_id is null and boost_of is null and thread_id = id)),
  check ((kind = 'boost') = (boost_of is not null)),
  check (kind <> 'reply' or parent_id is not null),
  check (audience <> 'community' or community_id is not null),
  check (state <> 'erased' or (title = '' and source = '' and html = '' and content_note = ''))
);
create index posts_thread on posts (thread_id, path) where kind <> 'boost';
create index posts_community_active on posts (community_id, active_at desc, id desc)
  where kind = 'thread';
create index posts_community on posts (community_id, id desc) where kind = 'thread';
create index posts_latest on posts (active_at desc, id desc)
  where kind = 'thread' and audience = 'public';
create index posts_author on posts (author_id, kind, id desc);
create index posts_parent on posts (parent_id) where parent_id is not null;
create index posts_boost on posts (boost_of) where boost_of is not null;

-- A form that is sent twice makes one post: the key is made with the form.
create table submissions (
  actor_id bigint not null references actors,
  key text not null check (octet_length(key) <= 64),
  post_id bigint not null references posts,
  at timestamptz not null default now(),
  primary key (actor_id, key)
);
create index submissions_at on submissions (at);

create table blocks (
  blocker_id bigint not null references actors,
  blocked_id bigint not null references actors,
  created_at timestamptz not null default now(),
  primary key (blocker_id, blocked_id),
  check (blocker_id <> blocked_id)
);
create index blocks_blocked on blocks (blocked_id);

create table reports (
  id bigint primary key,
  reporter_id bigint not null references actors,
  post_id bigint not null references posts,
  community_id bigint references communities,
  reason text not null,
  state text not null default 'open' check (state in ('open', 'closed')),
  closed_by bigint references actors,
  created_at timestamptz not null default now(),
  unique (reporter_id, post_id)
);
create index reports_open on reports (community_id, id) where state = 'open';
create index reports_post on reports (post_id);

create table modlog (
  id bigint primary key,
  moderator_id bigint not null references actors,
  action text not null check (action in ('remove_post', 'stop_member', 'let_member', 'accept_member',
    'refuse_member', 'remove_member', 'close_report', 'block_server', 'allow_server',
    'unblock_server', 'federation_mode', 'let_in', 'suspend_account', 'unsuspend_account')),
  community_id bigint references communities,
  post_id bigint references posts,
  actor_id bigint references actors,
  host text,
  reason text not null default '',
  at timestamptz not null default now()
);
create index modlog_community on modlog (community_id, id desc);
create index modlog_post on modlog (post_id) where post_id is not null;
create index modlog_actor on modlog (actor_id) where actor_id is not null;

-- Other servers: what the administrator decided, and what software they run.
create table instances (
  host text primary key check (host = lower(host) and host <> ''),
  policy text not null default 'default' check (policy in ('default', 'allowed', 'refused')),
  software text,
  version text,
  software_checked_at timestamptz,
  first_seen_at timestamptz not null default now(),
  last_alive_at timestamptz
);
create index instances_refused on instances (host) where policy = 'refused';

-- One row of facts about this server; `epoch` changes whenever a cached page might.
create table site (
  only_row boolean primary key default true check (only_row),
  origin text,
  title text not null default '',
  contact text not null default '',
  about_source text not null default '',
  about_html text not null default '',
  signup text not null default 'closed' check (signup in ('open', 'approval', 'closed')),
  federation_mode text check (federation_mode in ('nobody', 'named', 'open')),
  setup_token_hash bytea,
  set_up_at timestamptz,
  is_seeded boolean not null default false,
  epoch bigint not null default 1
);
insert into site default values;

-- Which activities and deletions have been seen, for ever; the bodies live shorter, in `inbox`.
create table seen (
  hash bytea primary key check (octet_length(hash) = 16),
  at timestamptz not null default now()
);

create table tombstones (
  hash bytea not null check (octet_length(hash) = 16),
  host text not null,
  at timestamptz not null default now(),
  primary key (hash, host)
);

create table inbox (
  id bigint primary key,
  uri text not null,
  type text not null,
  actor_uri text not null,
  host text not null,
  body bytea not null,
  state text not null default 'waiting' check (state in ('waiting', 'done', 'refused', 'dead')),
  reason text not null default '',
  tries integer not null default 0,
  due_at timestamptz not null default now(),
  claimed_until timestamptz,
  post_id bigint references posts,
  received_at timestamptz not null default now()
);
create index inbox_due on inbox (due_at, id) where state = 'waiting';
create index inbox_claimed on inbox (claimed_until, host) where claimed_until is not null;
create index inbox_received on inbox (received_at);
create index inbox_uri on inbox (uri);
create index inbox_post on inbox (post_id) where post_id is not null;

-- The transactional outbox: what happened, to be told to other servers once.
create table events (
  id bigint generated always as identity primary key,
  kind text not null,
  payload jsonb not null,
  tries integer not null default 0,
  due_at timestamptz not null default now(),
  state text not null default 'waiting' check (state in ('waiting', 'dead')),
  reason text not null default '',
  at timestamptz not null default now()
);
create index events_due on events (id) where state = 'waiting';

-- Activities as they were sent, byte for byte.
create table activities (
  id bigint primary key,
  uri text not null unique,
  actor_id bigint not null references actors,
  type text not null,
  post_id bigint references posts,
  body bytea not null,
  created_at timestamptz not null default now()
);
create index activities_post on activities (post_id) where post_id is not null;
create index activities_joining on activities (created_at) where post_id is null;

create table destinations (
  host text primary key check (host = lower(host) and host <> ''),
  leased_until timestamptz,
  leased_by text,
  next_at timestamptz not null default '-infinity',
  failures integer not null default 0,
  failing_since timestamptz,
  parked_at timestamptz,
  last_success_at timestamptz,
  last_error text not null default ''
);

create table deliveries (
  id bigint generated always as identity primary key,
  activity_id bigint not null references activities on delete cascade,
  inbox text not null,
  host text not null references destinations,
  object_key bigint not null,
  tries integer not null default 0,
  next_at timestamptz not null default now(),
  last_status integer,
  last_error text not null default '',
  created_at timestamptz not null default now(),
  unique (activity_id, inbox)
);
create index deliveries_host on deliveries (host, next_at, id);
create index deliveries_object on deliveries (host, object_key, inbox, id);

-- Limits per address and account; the key is an HMAC with a key that changes daily, so no
-- address is stored. Unlogged: losing it in a crash costs nothing.
create unlogged table limits (
  key bytea primary key check (octet_length(key) = 16),
  count integer not null,
  resets_at timestamptz not null
);
create index limits_reset on limits (resets_at);
"""


def upgrade() -> None:
    run_script(op, SCHEMA)
