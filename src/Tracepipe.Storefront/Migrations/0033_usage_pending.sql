-- What has been stored and not been priced: written with the events, taken by whoever decides who pays. Ingest only adds and so waits for nobody.
create table usage_pending (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  meter text not null,
  model text not null,
  used_at timestamptz not null, -- of the first use in its minute: it decides the periods
  quantity numeric(24, 12) not null
);
create index usage_pending_by_organization on usage_pending (organization_id);
alter table usage_pending enable row level security;
create policy own on usage_pending for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on usage_pending for all to tracepipe_work using (true) with check (true);
grant select, delete on usage_pending to tracepipe_web;
grant select, insert, delete on usage_pending to tracepipe_work;
