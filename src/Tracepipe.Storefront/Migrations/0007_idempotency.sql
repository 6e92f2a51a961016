-- A request that was sent with an Idempotency-Key, and its answer for 24 hours. The key itself is kept as a hash only, and the answer encrypted with it:
-- an answer may hold a secret that is shown once.
create table idempotent_requests (
  organization_id uuid not null references organizations (id),
  route text not null,
  key_hash bytea not null check (octet_length(key_hash) = 32),
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  started_at timestamptz not null,
  lease_until timestamptz not null,
  status int,
  answer bytea,
  primary key (organization_id, route, key_hash)
);
create index idempotent_requests_by_time on idempotent_requests (started_at);

alter table idempotent_requests enable row level security;
create policy own on idempotent_requests for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on idempotent_requests for all to tracepipe_work using (true) with check (true);
grant select, insert, update, delete on idempotent_requests to tracepipe_web;
grant select, delete on idempotent_requests to tracepipe_work;
