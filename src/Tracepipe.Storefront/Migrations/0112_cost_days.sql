-- The sums of days (UTC) that pages read, kept in the transaction that adds the rows, so that no page adds up calls.
create table cost_days (
  organization_id uuid not null references organizations (id),
  day date not null,
  provider text not null,
  model text not null,
  cost numeric not null,
  tokens bigint not null,
  records bigint not null,
  primary key (organization_id, day, provider, model)
);
alter table cost_days enable row level security;
create policy own on cost_days for select to tracepipe_web using (organization_id = current_organization());
create policy everything on cost_days for all to tracepipe_work using (true) with check (true);
grant select on cost_days to tracepipe_web;
grant select, insert, update on cost_days to tracepipe_work;
insert into cost_days (organization_id, day, provider, model, cost, tokens, records)
  select organization_id, (recorded_at at time zone 'UTC')::date, provider, model, sum(prompt_cost + completion_cost), sum(prompt_tokens + completion_tokens), count(*) from cost_records group by 1, 2, 3, 4;
