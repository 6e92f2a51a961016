-- Traces may lie in an S3-compatible bucket: the object's name there ends in this id. Null: the file lies in the folder of a node.
alter table trace_files add column object_id uuid unique;

-- Objects to erase from the bucket when they are due. Written before an object is sent, with an instant by which it is no longer on its way, and taken away by the transaction that gives it
-- its first session: what a crash leaves on either side is known by name. And written, due at once, when the last session of an object goes. No id is ever used twice.
create table trace_object_erasures (
  id uuid primary key,
  organization_id uuid not null references organizations (id),
  due_at timestamptz not null
);
create index trace_object_erasures_due on trace_object_erasures (due_at);
alter table trace_object_erasures enable row level security;
create policy own on trace_object_erasures for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on trace_object_erasures for all to tracepipe_work using (true) with check (true);
grant select, insert, update, delete on trace_object_erasures to tracepipe_web, tracepipe_work;
