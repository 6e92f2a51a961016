-- What the calls of models have cost, one row per call: told by the sold API's backend, shown to the customer, charged by nobody. Rows are only ever added.
create table cost_records (
  organization_id uuid not null references organizations (id),
  id text not null check (length(id) between 1 and 255),
  body_digest bytea not null, -- of what was sent, so that another body under the same id is found out
  task_id text not null,
  agent_id text,
  sandbox_id text,
  provider text not null,
  model text not null,
  prompt_tokens bigint not null check (prompt_tokens >= 0),
  completion_tokens bigint not null check (completion_tokens >= 0),
  prompt_cost numeric(24, 12) not null check (prompt_cost >= 0),
  completion_cost numeric(24, 12) not null check (completion_cost >= 0),
  catalog_version int, -- whose price list it was computed with; null: the sender has said the cost
  recorded_at timestamptz not null,
  received_at timestamptz not null,
  primary key (organization_id, id)
);
create index cost_records_by_time on cost_records (organization_id, recorded_at desc, id desc);
alter table cost_records enable row level security;
create policy own on cost_records for select to tracepipe_web using (organization_id = current_organization());
create policy everything on cost_records for all to tracepipe_work using (true) with check (true);
grant select on cost_records to tracepipe_web;
grant select, insert on cost_records to tracepipe_work;
