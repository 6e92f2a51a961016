-- Keys of the sold API's backend: they serve every organization and belong to none. Only the SHA-256 is kept.
create table service_keys (
  id uuid primary key,
  hash bytea not null unique check (octet_length(hash) = 32),
  prefix text not null check (length(prefix) between 8 and 16),
  last4 text not null check (length(last4) = 4),
  name text not null check (length(name) between 1 and 100),
  created_at timestamptz not null,
  revoked_at timestamptz
);
grant select, insert, update (revoked_at) on service_keys to tracepipe_work;

-- Commit, release and renew name a hold without its organization: an id is one organization's for ever.
create table hold_ids (
  id text primary key check (length(id) between 1 and 255),
  organization_id uuid not null references organizations (id)
);
insert into hold_ids (id, organization_id) select distinct on (id) id, organization_id from holds order by id, granted_at;
alter table hold_ids enable row level security;
create policy own on hold_ids for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on hold_ids for all to tracepipe_work using (true) with check (true);
grant select, insert on hold_ids to tracepipe_web, tracepipe_work;
