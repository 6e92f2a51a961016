-- Files whose last session has been deleted, until they are erased from disk: written in the transaction that deletes, so that a node that dies after it leaves the work to the others.
create table trace_erasures (
  organization_id uuid not null references organizations (id),
  sha256 bytea not null check (octet_length(sha256) = 32),
  freed_at timestamptz not null,
  primary key (organization_id, sha256)
);
alter table trace_erasures enable row level security;
create policy own on trace_erasures for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on trace_erasures for all to tracepipe_work using (true) with check (true);
grant select, insert, update, delete on trace_erasures to tracepipe_web, tracepipe_work;
