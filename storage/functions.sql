-- The read rule, stated once, as sets. Replayed after every migration.
--
-- A viewer is two values: viewer_actor (a member here, or an actor of another server) and
-- viewer_host. viewer_host is null for people in the browser or an app of this server; it is the
-- host of the server that asks at the ActivityPub door, and '' there for a server nobody knows.
-- All functions are `language sql stable`, neither strict nor security definer, and set nothing:
-- only then does the planner inline them into the query that calls them.

-- Has the administrator refused that server, or the one it is a part of?
create or replace function refuses(asking_host text) returns boolean
language sql stable as $$
  select (asking_host <> '') is true and exists (
    select 1 from instances i
    where i.policy = 'refused'
      and (i.host = asking_host or right(asking_host, length(i.host) + 1) = '.' || i.host))
$$;

-- May what is written in this community be handed to that server at all?
create or replace function travels_to(community bigint, to_host text) returns boolean
language sql stable as $$
  select community is null or exists (
    select 1 from communities c
    where c.actor_id = community
      and (c.travels = 'anywhere'
        or (c.travels = 'named' and exists (
          select 1 from community_hosts h
          where h.community_id = c.actor_id and h.host = to_host))))
$$;

-- Is somebody of that server an accepted member, or is it the community's own server?
create or replace function host_has_member(community bigint, of_host text) returns boolean
language sql stable as $$
  select exists (
    select 1 from memberships m join actors a on a.id = m.actor_id
    where m.community_id = community and m.state = 'accepted' and a.host = of_host
      and not a.is_local and a.state = 'live')
  or exists (
    select 1 from actors a where a.id = community and a.host = of_host and not a.is_local)
$$;

-- May this viewer read what is written in this community?
create or replace function reads_community(community bigint, viewer_actor bigint, viewer_host text)
returns boolean language sql stable as $$
  select exists (
    select 1 from communities c
    where c.actor_id = community
      and not refuses(viewer_host)
      and (viewer_host is null or travels_to(c.actor_id, viewer_host))
      and (c.readers = 'anyone'
        or exists (
          select 1 from memberships m
          where m.community_id = c.actor_id and m.actor_id = viewer_actor
            and m.state = 'accepted')
        or (viewer_actor is null and viewer_host <> ''
          and host_has_member(c.actor_id, viewer_host))))
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
        or (viewer_actor is null and viewer_host <> ''
          and host_has_member(p.community_id, viewer_host))))
      or (p.audience in ('followers', 'direct') and p.author_id = viewer_actor))
    and (viewer_host is null or travels_to(p.community_id, viewer_host))
    and not exists (
      select 1 from actors a left join instances i on i.host = a.host
      where a.id = p.author_id and (a.state <> 'live' or (i.policy = 'refused' and not a.is_local)))
    and not exists (
      select 1 from blocks b
      where (b.blocker_id = p.author_id and b.blocked_id = viewer_actor)
         or (b.blocker_id = viewer_actor and b.blocked_id = p.author_id))
    and not refuses(viewer_host)
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
      select 1 from actors a left join instances i on i.host = a.host
      where a.id = c.actor_id and a.state = 'live' and (a.is_local or i.policy is distinct from 'refused'))
    and not refuses(viewer_host)
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

-- The number of members as others may see it: the lower bound of a band.
create or replace function member_band(community bigint) returns integer
language sql stable as $$
  select max(b.bound)
  from unnest(array[0, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000])
    as b(bound)
  where b.bound <= (
    select count(*) from memberships m where m.community_id = community and m.state = 'accepted')
$$;
