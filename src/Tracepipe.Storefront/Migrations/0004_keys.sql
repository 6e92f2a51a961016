-- Secrets that call the API. Only the SHA-256 of a key is kept; the shown beginning and end are for people to recognise it.
create table api_keys (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  -- What limits and statistics follow: a rotated key is another row of the same logical key.
  logical_id uuid not null,
  hash bytea not null unique check (octet_length(hash) = 32),
  prefix text not null check (length(prefix) between 8 and 16),
  last4 text not null check (length(last4) = 4),
  name text not null check (length(name) between 1 and 100),
  permissions text[] not null,
  suites text[],
  created_by uuid,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,
  requests bigint not null default 0,
  primary key (organization_id, id)
) with (fillfactor = 80);
create index api_keys_by_maker on api_keys (created_by);

-- Requests per hour, written behind in batches; "requests in 24 h" is a sum over these.
create table key_hours (
  organization_id uuid not null references organizations (id),
  logical_id uuid not null,
  hour timestamptz not null,
  requests bigint not null,
  primary key (organization_id, logical_id, hour)
) with (fillfactor = 80);
create index key_hours_by_hour on key_hours (hour);

-- What every node must forget. Nodes read it each second by its sequence, so a lost notification costs a second.
create table key_changes (
  sequence bigserial primary key,
  key_id uuid,
  organization_id uuid,
  person_id uuid,
  at timestamptz not null default clock_timestamp()
);

-- Numbers are given out under a lock that lasts until commit: whoever reads number n has read everything below n.
create function note_key_change(key uuid, organization uuid, person uuid) returns void language plpgsql security definer set search_path = public, pg_temp
as $$
declare number bigint;
begin
  perform pg_advisory_xact_lock(7236277112);
  insert into key_changes (key_id, organization_id, person_id) values (key, organization, person) returning sequence into number;
  perform pg_notify('key_changes', number::text);
end $$;
revoke all on function note_key_change(uuid, uuid, uuid) from public;

-- A key answers with its maker's and its organization's name: a change of either is a change of the key.
create function person_renamed() returns trigger language plpgsql security definer set search_path = public, pg_temp
as $$
begin
  if exists (select 1 from api_keys where created_by = new.id) then perform note_key_change(null, null, new.id); end if;
  return null;
end $$;
create function organization_changed() returns trigger language plpgsql security definer set search_path = public, pg_temp
as $$
begin
  perform note_key_change(null, new.id, null);
  return null;
end $$;
create function member_left() returns trigger language plpgsql security definer set search_path = public, pg_temp
as $$
begin
  if exists (select 1 from api_keys where created_by = old.person_id) then perform note_key_change(null, null, old.person_id); end if;
  return null;
end $$;
create trigger keys_hear_of_it after update of display_name on people for each row when (old.display_name is distinct from new.display_name) execute function person_renamed();
create trigger keys_hear_of_it after update of name, slug, deleted_at on organizations for each row execute function organization_changed();
create trigger keys_hear_of_it after delete on members for each row execute function member_left();

alter table api_keys enable row level security;
alter table key_hours enable row level security;
create policy own on api_keys for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on key_hours for select to tracepipe_web using (organization_id = current_organization());
create policy everything on api_keys for all to tracepipe_work using (true) with check (true);
create policy everything on key_hours for all to tracepipe_work using (true) with check (true);

-- Pages never read a hash.
grant select (organization_id, id, logical_id, prefix, last4, name, permissions, suites, created_by, created_at, expires_at, revoked_at, last_used_at, requests) on api_keys to tracepipe_web;
grant insert on api_keys to tracepipe_web;
grant update (name, expires_at, revoked_at) on api_keys to tracepipe_web;
grant select on key_hours to tracepipe_web;
grant select, insert, update on api_keys to tracepipe_work;
grant select, insert, update, delete on key_hours to tracepipe_work;
grant select, delete on key_changes to tracepipe_work;
grant execute on function note_key_change(uuid, uuid, uuid) to tracepipe_web, tracepipe_work;
