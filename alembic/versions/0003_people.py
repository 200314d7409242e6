"""People: how they come in, what they choose, what is kept for them and how it goes.

Size and locks: new columns are nullable or have constant defaults, so no table is rewritten; the
changed checks read `accounts`, `memberships`, `site` and `modlog` once, and a new index `actors`.
Questions and answers move to columns that hold several; the rows that have one are rewritten.
"""

from alembic import op

from storage.migration import run_script

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = r"""
-- Accounts ---------------------------------------------------------------------------------------

-- `totp_secret` is sealed with the server's key, and counts once `totp_since` is set; `totp_step`
-- is the last code that was used. `signup_answer` goes when somebody has decided. `was_waiting` is
-- for the end of a suspension: it lets in nobody who was never let in.
-- `message_mail_after` is from when on a mail may tell of a new message; null where none is wanted.
alter table accounts
  add column email_confirmed_at timestamptz,
  add column totp_secret bytea,
  add column totp_since timestamptz,
  add column totp_step bigint not null default 0,
  add column signup_answer text not null default '',
  add column was_waiting boolean not null default false,
  add column idle_minutes integer check (idle_minutes between 5 and 1440),
  add column is_neutral boolean not null default false,
  add column tells_likes boolean not null default false,
  add column message_mail_after timestamptz,
  drop constraint accounts_state_check,
  add constraint accounts_state_check check (state in ('waiting', 'open', 'suspended', 'closed'));
create unique index accounts_email on accounts (lower(email)) where email_confirmed_at is not null;
create index accounts_waiting on accounts (created_at) where state = 'waiting';

-- A session is spoken of by its id, never by its token.
alter table sessions
  add column id bigint generated always as identity unique,
  add column used_at timestamptz not null default now();

create table recovery_codes (
  account_id bigint not null references accounts on delete cascade,
  hash bytea not null check (octet_length(hash) = 32),
  primary key (account_id, hash)
);

create table passkeys (
  id bytea primary key check (octet_length(id) between 1 and 1023),
  account_id bigint not null references accounts on delete cascade,
  public_key bytea not null,
  sign_count bigint not null default 0,
  name text not null,
  created_at timestamptz not null default now()
);
create index passkeys_account on passkeys (account_id);

-- Whatever somebody proves once: a link in a mail or from a moderator, a challenge of a passkey, the
-- half of a sign-in that waits for its code. Only a hash of the secret is stored.
create table one_time_tokens (
  hash bytea primary key check (octet_length(hash) = 32),
  kind text not null,
  account_id bigint references accounts on delete cascade,
  data jsonb not null default '{}',
  expires_at timestamptz not null
);
create index one_time_tokens_account on one_time_tokens (account_id);
create index one_time_tokens_expiry on one_time_tokens (expires_at);

alter table site
  add column signup_question text not null default '',
  add column minimum_age smallint not null default 16 check (minimum_age between 13 and 21),
  add column person_quota_mb integer not null default 200 check (person_quota_mb >= 0),
  add column media_quota_mb integer not null default 10000 check (media_quota_mb >= 0),
  drop constraint site_signup_check,
  add constraint site_signup_check check (signup in ('open', 'approval', 'invitation', 'closed'));

-- Mail -------------------------------------------------------------------------------------------

-- How mail leaves this server, set by the administrator. No mail is sent before a test arrived.
create table smtp (
  only_row boolean primary key default true check (only_row),
  host text not null default '',
  port integer not null default 587 check (port between 1 and 65535),
  security text not null default 'starttls' check (security in ('tls', 'starttls', 'none')),
  username text not null default '',
  password_sealed bytea,
  sender text not null default '',
  tested_at timestamptz
);
insert into smtp default values;

-- Mail that waits; it goes when it is sent. What it says is written when it is sent, from `kind`:
-- `data` holds links only, which open nothing from `ends_at` on.
create table mails (
  id bigint primary key,
  account_id bigint references accounts on delete cascade,
  address text not null,
  kind text not null,
  locale text not null default 'en',
  data jsonb not null default '{}',
  ends_at timestamptz,
  state text not null default 'waiting' check (state in ('waiting', 'dead')),
  tries integer not null default 0,
  due_at timestamptz not null default now(),
  claimed_until timestamptz,
  reason text not null default '',
  created_at timestamptz not null default now()
);
create index mails_due on mails (due_at, id) where state = 'waiting';
create index mails_account on mails (account_id);

-- Joining ----------------------------------------------------------------------------------------

alter table communities
  add column questions text[] not null default '{}' check (cardinality(questions) <= 5),
  add column rules_source text not null default '',
  add column rules_html text not null default '',
  add column rules_version integer not null default 0,
  add column allows_aliases boolean not null default true;

-- `answers` go 30 days after `decided_at`; `reason` is what the person is told. `label` is what
-- somebody says of themselves in this community, shown where they want it.
alter table memberships
  add column answers text[] not null default '{}' check (cardinality(answers) <= 5),
  add column reason text not null default '',
  add column decided_at timestamptz,
  add column rules_version integer not null default 0,
  add column label text check (label in ('lives_with', 'may_have', 'cares_for', 'lost_someone',
    'works_in_field')),
  add column shows_label boolean not null default false,
  add column role_until timestamptz,
  drop constraint memberships_role_check,
  add constraint memberships_role_check
    check (role in ('member', 'professional', 'moderator', 'owner'));
update communities set questions = array[question] where question <> '';
alter table communities drop column question;
-- What was answered and decided before goes 30 days from now.
update memberships
set answers = array[answer], decided_at = case when state <> 'asked' then now() end
where answer <> '';
alter table memberships drop column answer;
create index memberships_decided on memberships (decided_at) where answers <> '{}';
create index memberships_role_until on memberships (role_until) where role_until is not null;

-- An invitation without a community is one to this server.
alter table invitations alter column community_id drop not null;

-- What a person agreed to and took back, in the words of that version.
create table consents (
  id bigint generated always as identity primary key,
  account_id bigint not null references accounts on delete cascade,
  purpose text not null
    check (purpose in ('account', 'community', 'federation', 'journal', 'aggregation')),
  community_id bigint references communities,
  version integer not null,
  locale text not null,
  given_at timestamptz not null,
  withdrawn_at timestamptz
);
create index consents_account on consents (account_id, purpose);

-- Whom a post is about, if its author says so.
alter table posts add column about text not null default ''
  check (about in ('', 'self', 'child', 'other'));

-- Members who read a public community elsewhere through this server's own actor.
create table subscriptions (
  community_id bigint not null references communities on delete cascade,
  actor_id bigint not null references actors,
  created_at timestamptz not null default now(),
  primary key (community_id, actor_id)
);
create index subscriptions_actor on subscriptions (actor_id);

-- A name for one thread; who is behind it is known here only.
create table aliases (
  actor_id bigint primary key references actors,
  owner_id bigint references actors,
  community_id bigint not null references communities,
  thread_id bigint references posts,
  created_at timestamptz not null default now(),
  ended_at timestamptz
);
create index aliases_owner on aliases (owner_id, thread_id) where owner_id is not null;
create index aliases_thread on aliases (thread_id) where thread_id is not null;

-- Whom somebody does not want to meet ------------------------------------------------------------

alter table blocks add column until timestamptz;

create table host_blocks (
  blocker_id bigint not null references actors,
  host text not null check (host = lower(host) and host <> ''),
  until timestamptz,
  created_at timestamptz not null default now(),
  primary key (blocker_id, host)
);

create table mutes (
  id bigint generated always as identity primary key,
  owner_id bigint not null references actors,
  kind text not null check (kind in ('person', 'server', 'word', 'topic')),
  actor_id bigint references actors,
  host text,
  word text,
  until timestamptz,
  created_at timestamptz not null default now(),
  check ((kind = 'person') = (actor_id is not null)),
  check ((kind = 'server') = (host is not null)),
  check ((kind in ('word', 'topic')) = (word is not null))
);
create unique index mutes_once on mutes (owner_id, kind, coalesce(actor_id::text, host, lower(word)));

-- Direct messages: a conversation is a thread of direct posts. `hidden_before` is the last post that
-- this person hid from themselves; after `keep_days` what they said themselves is erased.
create table conversations (
  thread_id bigint primary key references posts
);

create table conversation_people (
  thread_id bigint not null references conversations,
  actor_id bigint not null references actors,
  state text not null check (state in ('asked', 'open', 'refused', 'left')),
  hidden_before bigint not null default 0,
  read_before bigint not null default 0,
  asked_to_delete_at timestamptz,
  keep_days smallint check (keep_days in (7, 30, 365)),
  has_answered boolean not null default false,
  primary key (thread_id, actor_id)
);
create index conversation_people_actor on conversation_people (actor_id, state, thread_id);

-- Erasing ----------------------------------------------------------------------------------------

-- Which servers were ever sent a post: they are told when it goes.
create table post_copies (
  post_id bigint not null references posts,
  host text not null,
  at timestamptz not null default now(),
  primary key (post_id, host)
);
create index post_copies_host on post_copies (host);

create table erasures (
  id bigint primary key,
  kind text not null check (kind in ('post', 'account', 'received')),
  actor_id bigint references actors,
  token_hash bytea unique check (octet_length(token_hash) = 32),
  created_at timestamptz not null default now(),
  done_at timestamptz,
  mailed_at timestamptz,
  expires_at timestamptz not null
);
create index erasures_expiry on erasures (expires_at);
create index erasures_open on erasures (id) where done_at is null;
create index actors_gone_here on actors (id) where is_local and state = 'gone';

create table erasure_posts (
  erasure_id bigint not null references erasures on delete cascade,
  post_id bigint not null references posts,
  is_told boolean not null default false,
  primary key (erasure_id, post_id)
);
create index erasure_posts_post on erasure_posts (post_id);

-- One row for each server that is told; `activity_id` is its Delete.
create table erasure_hosts (
  erasure_id bigint not null references erasures on delete cascade,
  activity_id bigint not null references activities,
  host text not null,
  state text not null default 'waiting'
    check (state in ('waiting', 'told', 'confirmed', 'gave_up', 'blocked')),
  changed_at timestamptz not null default now(),
  primary key (erasure_id, activity_id, host)
);
create index erasure_hosts_activity on erasure_hosts (activity_id, host);
create index erasure_hosts_waiting on erasure_hosts (erasure_id) where state = 'waiting';

-- What was erased here, so that a restored backup erases it again. Lives in the data directory too,
-- where a worker writes it.
create table erased (
  uri_hash bytea primary key check (octet_length(uri_hash) = 16),
  at timestamptz not null default now(),
  is_written boolean not null default false
);
create index erased_unwritten on erased (uri_hash) where not is_written;

-- Servers that were told of a move of somebody here: they are told when the account goes.
create table move_hosts (
  actor_id bigint not null references actors,
  host text not null,
  primary key (actor_id, host)
);

-- The activity that said that somebody left: its server is told when nothing is left of them.
alter table departures add column source_uri text;

-- Files ------------------------------------------------------------------------------------------

-- What somebody uploaded. `name` is the random part of its address; a file without a post waits for
-- one for a day.
create table media (
  id bigint primary key,
  name text not null unique check (octet_length(name) between 20 and 64),
  owner_id bigint not null references actors,
  post_id bigint references posts,
  kind text not null check (kind in ('image', 'audio', 'video')),
  mime text not null,
  bytes bigint not null check (bytes >= 0),
  width integer,
  height integer,
  alt text not null default '',
  variants jsonb not null default '[]',
  created_at timestamptz not null default now()
);
create index media_post on media (post_id) where post_id is not null;
create index media_owner on media (owner_id);
create index media_waiting on media (created_at) where post_id is null;

-- How much all files of people here are together, so that nobody adds up a table to know it.
create table media_use (
  only_row boolean primary key default true check (only_row),
  bytes bigint not null default 0 check (bytes >= 0)
);
insert into media_use default values;

-- Files whose row went: a worker removes them, after whatever dropped the row has committed.
create table media_gone (
  name text primary key
);

-- Pictures that posts of other servers carry: fetched once for readers here, dropped when nobody
-- looks. In no backup, since each can be fetched again; yet logged, so that after a crash it is
-- still known whose files are here.
create table media_cache (
  hash bytea primary key check (octet_length(hash) = 32),
  post_id bigint not null references posts,
  state text not null check (state in ('fetching', 'kept', 'failed', 'dropped')),
  name text not null,
  bytes bigint not null default 0 check (bytes >= 0),
  fetched_at timestamptz not null,
  used_at timestamptz not null
);
create index media_cache_post on media_cache (post_id);
create index media_cache_dropped on media_cache (hash) where state = 'dropped';
create index media_cache_used on media_cache (used_at);

-- Taking things along ----------------------------------------------------------------------------

create table exports (
  id bigint primary key,
  account_id bigint not null references accounts on delete cascade,
  state text not null default 'waiting' check (state in ('waiting', 'ready', 'failed')),
  done integer not null default 0,
  total integer not null default 0,
  file text,
  claimed_until timestamptz,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index exports_account on exports (account_id);
create index exports_waiting on exports (id) where state = 'waiting';

-- Who is known by an address elsewhere: asked for each line of a list.
create index actors_host_name on actors (host, lower(name), id) where not is_local;

-- A list that somebody brings from another server, and what became of each line; a worker goes
-- through it. It goes a week later.
create table imports (
  id bigint primary key,
  account_id bigint not null references accounts on delete cascade,
  kind text not null check (kind in ('follows', 'blocks', 'mutes', 'servers')),
  done integer not null default 0,
  total integer not null,
  claimed_until timestamptz,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index imports_account on imports (account_id);
create index imports_waiting on imports (id) where done < total;

create table import_lines (
  import_id bigint not null references imports on delete cascade,
  number integer not null,
  address text not null,
  outcome text not null default '',
  primary key (import_id, number)
);
create index import_lines_waiting on import_lines (import_id, number) where outcome = '';

-- What moderators do and look at -----------------------------------------------------------------

alter table modlog
  drop constraint modlog_action_check,
  add constraint modlog_action_check check (action in ('remove_post', 'stop_member', 'let_member',
    'accept_member', 'refuse_member', 'remove_member', 'close_report', 'block_server',
    'allow_server', 'unblock_server', 'federation_mode', 'signed_fetch', 'let_in', 'turn_away',
    'suspend_account', 'unsuspend_account', 'see_members', 'see_alias', 'see_message',
    'let_come_again', 'sign_in_link', 'set_role',
    'set_rules', 'hand_over', 'erase_received', 'set_mail', 'see_link', 'come_by_move'));
"""


def upgrade() -> None:
    run_script(op, SCHEMA)
