-- The read rule, stated once, as sets. Replayed after every migration.
--
-- A viewer is two values: viewer_actor (a member here, or an actor of another server) and
-- viewer_host. viewer_host is null for people in the browser or an app of this server; it is the
-- host of the server that asks at the ActivityPub door, and '' there for a server nobody knows.
--
-- All but the last are `language sql stable`, neither strict nor security definer, and set nothing.
-- Those that return rows are inlined by the planner into the query that calls them. Those that
-- return one value cannot be, since they ask a table: none of them is called once per row.

-- What the administrator refused and that server is, or is a part of. Its names are looked up one
-- by one: a list of thousands of blocked servers costs as little as a short one.
create or replace function refusals_of(other_host text) returns setof instances
language sql stable as $$
  select i.* from instances i
  where i.policy = 'refused' and i.host = any (array(
    select array_to_string((string_to_array(other_host, '.'))[label:], '.')
    from generate_series(1, cardinality(string_to_array(other_host, '.'))) as label))
$$;

-- That server, if anything may be exchanged with it at all: the mode that the administrator chose,
-- whom they named, whom they refused with all its parts. forum/policy.py says the same of one.
create or replace function admitted(other_host text) returns setof text
language sql stable as $$
  select other_host
  from site s
  where (s.federation_mode = 'open'
      or (s.federation_mode = 'named' and exists (
        select 1 from instances i where i.host = other_host and i.policy = 'allowed')))
    and not exists (select 1 from refusals_of(other_host))
$$;

-- Has the administrator refused that server, or the one it is a part of?
create or replace function refuses(asking_host text) returns boolean
language sql stable as $$
  select exists (select 1 from refusals_of(asking_host))
$$;

-- Communities whose posts may be handed to that server at all.
create or replace function travelling_communities(to_host text) returns setof communities
language sql stable as $$
  select c.* from communities c
  where c.travels = 'anywhere'
    or (c.travels = 'named' and exists (
      select 1 from community_hosts h
      where h.community_id = c.actor_id and h.host = to_host))
$$;

-- Communities in which that server has an accepted member, and those that it runs.
create or replace function communities_read_at(of_host text) returns setof communities
language sql stable as $$
  select c.* from communities c
  where exists (
      select 1 from memberships m join actors a on a.id = m.actor_id
      where m.community_id = c.actor_id and m.state = 'accepted' and a.host = of_host
        and not a.is_local and a.state = 'live')
    or exists (
      select 1 from actors a
      where a.id = c.actor_id and a.host = of_host and not a.is_local)
$$;

-- May what is written in this community be handed to that server at all?
create or replace function travels_to(community bigint, to_host text) returns boolean
language sql stable as $$
  select community is null
    or exists (select 1 from travelling_communities(to_host) c where c.actor_id = community)
$$;

-- Communities in which this viewer may read what is written.
create or replace function readable_communities(viewer_actor bigint, viewer_host text)
returns setof communities language sql stable as $$
  select c.* from communities c
  where (c.readers = 'anyone'
      or exists (
        select 1 from memberships m
        where m.community_id = c.actor_id and m.actor_id = viewer_actor
          and m.state = 'accepted')
      or (viewer_actor is null and viewer_host <> '' and exists (
        select 1 from communities_read_at(viewer_host) r where r.actor_id = c.actor_id)))
    and (viewer_host is null or exists (
      select 1 from travelling_communities(viewer_host) t where t.actor_id = c.actor_id))
    and (viewer_host is null or viewer_host = '' or exists (select 1 from admitted(viewer_host)))
$$;

-- May this viewer read what is written in this community?
create or replace function reads_community(community bigint, viewer_actor bigint, viewer_host text)
returns boolean language sql stable as $$
  select exists (
    select 1 from readable_communities(viewer_actor, viewer_host) c where c.actor_id = community)
$$;

-- Everybody who is the same person as this actor, as far as this server knows: the person and their
-- names for one thread.
create or replace function names_of(actor bigint) returns table (id bigint)
language sql stable as $$
  select actor
  union all
  select l.owner_id from aliases l where l.actor_id = actor and l.owner_id is not null
  union all
  select l.actor_id from aliases l where l.owner_id = actor
  union all
  select o.actor_id from aliases l join aliases o on o.owner_id = l.owner_id
  where l.actor_id = actor and o.actor_id <> actor
$$;

-- Whom this person and who this person do not want to meet, in both directions. Of others the one
-- name counts that blocks or is blocked: if their other names vanished with it, what vanishes would
-- tell who is behind them. The viewer knows all their own names, so each of them counts.
create or replace function not_met_by(viewer_actor bigint) returns table (id bigint)
language sql stable as $$
  select b.blocked_id from blocks b
  where b.blocker_id = any (array(select v.id from names_of(viewer_actor) v))
    and (b.until is null or b.until > now())
  union all
  select b.blocker_id from blocks b
  where b.blocked_id = any (array(select v.id from names_of(viewer_actor) v))
    and (b.until is null or b.until > now())
$$;

-- Does one of these people not want to meet that one, or anybody of that one's server? It holds for
-- all names of the one who acts, and for none but the one name of whom they act on: see not_met_by.
create or replace function is_kept_away(from_actors bigint[], other_actor bigint) returns boolean
language sql stable as $$
  select exists (
    select 1
    from unnest(from_actors) f(id)
    join blocks b on b.blocker_id = f.id
    where b.blocked_id = any (array(select v.id from names_of(other_actor) v))
      and (b.until is null or b.until > now()))
  or exists (
    select 1
    from actors a
    cross join unnest(from_actors) f(id)
    join host_blocks h on h.blocker_id = f.id
    where a.id = other_actor and not a.is_local and h.host = a.host
      and (h.until is null or h.until > now()))
$$;

-- All words and topics that this person has muted, as one pattern; null when there are none. A word
-- hides every word that begins with it. Asked once for a whole list, never for a row of it.
create or replace function muted_words(viewer_actor bigint) returns text
language sql stable as $$
  select string_agg(case m.kind
    when 'word' then '(?:^|[^[:alnum:]])' || w.escaped
    else '#' || w.escaped || '(?:$|[^[:alnum:]_])' end, '|')
  from mutes m
  cross join lateral regexp_replace(m.word, '([][().*+?^$|\\{}])', '\\\1', 'g') as w(escaped)
  where m.owner_id = viewer_actor and m.kind in ('word', 'topic')
    and (m.until is null or m.until > now())
$$;

-- A function with the same name and another result cannot be replaced, and a start would fail: so it
-- has another name than the one that gave the mutes themselves.
drop function if exists mutes_hiding(bigint, bigint, text, text, text, jsonb);

-- One row if what that author says falls under something that this person has muted. Nobody hides
-- what they wrote themselves.
create or replace function hidden_by_mutes(
  viewer_actor bigint, author bigint, title text, note text, html text, parts jsonb)
returns setof integer language sql stable as $$
  select 1
  where author <> viewer_actor and (
    exists (
      select 1 from mutes m
      where m.owner_id = viewer_actor and m.kind in ('person', 'server')
        and (m.until is null or m.until > now())
        and (m.actor_id = author or m.host = (
          select a.host from actors a where a.id = author and not a.is_local)))
    or exists (
      select 1 from jsonb_array_elements(parts -> 'tags') t
      join mutes m on m.owner_id = viewer_actor and m.kind = 'topic'
        and (m.until is null or m.until > now())
      where t ->> 'kind' = 'hashtag' and lower(t ->> 'name') = lower(m.word))
    or case when (select muted_words(viewer_actor)) is not null then
      concat_ws(' ', title, note, regexp_replace(html, '<[^>]*>', ' ', 'g'))
        ~* (select muted_words(viewer_actor)) end)
$$;

-- Posts that this viewer is allowed to see: authorisation only, not preference.
create or replace function visible_posts(viewer_actor bigint, viewer_host text)
returns setof posts language sql stable as $$
  select p.* from posts p
  where p.state = 'live'
    and (p.audience = 'public'
      or (p.audience = 'community' and (
        exists (
          select 1 from memberships m
          where m.community_id = p.community_id and m.actor_id = viewer_actor
            and m.state = 'accepted')
        or (viewer_actor is null and viewer_host <> '' and exists (
          select 1 from communities_read_at(viewer_host) r
          where r.actor_id = p.community_id))))
      or (p.audience = 'followers' and p.author_id = viewer_actor)
      or (p.audience = 'direct' and exists (
        select 1 from conversation_people d
        where d.thread_id = p.thread_id and d.actor_id = viewer_actor
          and d.state in ('asked', 'open'))))
    and (viewer_host is null or p.community_id is null or exists (
      select 1 from travelling_communities(viewer_host) t where t.actor_id = p.community_id))
    and (viewer_host is null or viewer_host = '' or exists (select 1 from admitted(viewer_host)))
    and exists (
      select 1 from actors a
      where a.id = p.author_id and a.state = 'live'
        and (a.is_local or not exists (
          select 1 from instances i where i.host = a.host and i.policy = 'refused'))
        and (a.is_local or viewer_actor is null or not exists (
          select 1 from host_blocks h
          where h.blocker_id = viewer_actor and h.host = a.host
            and (h.until is null or h.until > now()))))
    and (viewer_actor is null or p.author_id not in (select n.id from not_met_by(viewer_actor) n))
$$;

-- Posts that this viewer wants to come across: what every list takes. A link to a post, and the
-- thread somebody has opened, go by `visible_posts` and still open. Whether the viewer mutes
-- anything at all is asked once: most people do not, and pay nothing for each row then.
create or replace function wanted_posts(viewer_actor bigint, viewer_host text)
returns setof posts language sql stable as $$
  select p.* from visible_posts(viewer_actor, viewer_host) p
  where viewer_actor is null
    or not exists (select 1 from mutes m where m.owner_id = viewer_actor)
    or not exists (select 1 from hidden_by_mutes(
      viewer_actor, p.author_id, p.title, p.content_note, p.html, p.parts))
$$;

-- Communities that this viewer may know of: their name card, not their content.
create or replace function visible_communities(viewer_actor bigint, viewer_host text)
returns setof communities language sql stable as $$
  select c.* from communities c
  where (
      (viewer_host is null and (c.readers = 'anyone' or c.listed))
      or (viewer_host is not null and (
        c.travels = 'anywhere'
        or (c.travels = 'named' and (c.readers = 'anyone' or c.listed or exists (
          select 1 from community_hosts h
          where h.community_id = c.actor_id and h.host = viewer_host)))))
      or (viewer_host is null and exists (
        select 1 from memberships m
        where m.community_id = c.actor_id and m.actor_id = viewer_actor
          and m.state in ('asked', 'accepted'))))
    and exists (
      select 1 from actors a
      where a.id = c.actor_id and a.state = 'live'
        and (a.is_local or not exists (
          select 1 from instances i where i.host = a.host and i.policy = 'refused')))
    and (viewer_host is null or viewer_host = '' or exists (select 1 from admitted(viewer_host)))
$$;

-- Posts that a moderator acts on: everything but what is erased, in communities they moderate,
-- and everything public for a moderator of the server.
create or replace function moderated_posts(viewer_actor bigint)
returns setof posts language sql stable as $$
  select p.* from posts p
  where p.state <> 'erased'
    and (exists (
        select 1 from memberships m
        where m.community_id = p.community_id and m.actor_id = viewer_actor
          and m.state = 'accepted' and m.role in ('moderator', 'owner'))
      or (p.audience = 'public' and exists (
        select 1 from accounts s
        where s.actor_id = viewer_actor and s.role in ('moderator', 'admin')
          and s.state = 'open')))
$$;

-- Does this person moderate the community: as its moderator or owner, or, when it is a public one
-- of this server, as a moderator of the server?
create or replace function moderates(community bigint, viewer_actor bigint) returns boolean
language sql stable as $$
  select exists (
    select 1 from memberships m
    where m.community_id = community and m.actor_id = viewer_actor
      and m.state = 'accepted' and m.role in ('moderator', 'owner'))
  or exists (
    select 1
    from communities c
    join actors a on a.id = c.actor_id and a.is_local
    join accounts s on s.actor_id = viewer_actor and s.state = 'open'
    where c.actor_id = community and c.readers = 'anyone' and s.role in ('moderator', 'admin'))
$$;

-- A number as others may see it: the lower bound of a band.
create or replace function bands(exact bigint) returns setof integer
language sql immutable as $$
  select max(b.bound)
  from unnest(array[0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000])
    as b(bound)
  where b.bound <= exact
$$;

-- The number of members as others may see it.
create or replace function member_bands(community bigint) returns setof integer
language sql stable as $$
  select b.bound from bands((
    select count(*) from memberships m
    where m.community_id = community and m.state = 'accepted')) as b(bound)
$$;

-- Has nobody deleted this post who could? Not the read rule, and volatile on purpose: what comes
-- after the lock sees what the holder of the lock committed, without a way to the database more.
create or replace function may_come(post_uri text, deletions bytea[]) returns boolean
language plpgsql volatile as $$
begin
  perform pg_advisory_xact_lock_shared(hashtextextended(post_uri, 0));
  return not exists (select 1 from tombstones t where t.hash = any (deletions));
end
$$;
