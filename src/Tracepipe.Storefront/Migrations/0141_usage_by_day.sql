-- The sums of hours once more by day (UTC): what pages read, so that they cost as much for a busy month as for a quiet one. Kept in the same transactions,
-- always before the hours, so that two writers never wait for each other crosswise.
create table usage_days (
  organization_id uuid not null,
  day date not null,
  meter text not null,
  key_id uuid not null,
  model text not null,
  suite_id text not null,
  quantity numeric(24, 12) not null,
  events bigint not null,
  primary key (organization_id, day, meter, key_id, model, suite_id)
) with (fillfactor = 70);

insert into usage_days (organization_id, day, meter, key_id, model, suite_id, quantity, events)
select organization_id, (hour at time zone 'UTC')::date, meter, key_id, model, suite_id, sum(quantity), sum(events) from usage_hours group by 1, 2, 3, 4, 5, 6;

alter table usage_days enable row level security;
create policy own on usage_days for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on usage_days for all to tracepipe_work using (true) with check (true);
grant select, insert, update on usage_days to tracepipe_web, tracepipe_work;
