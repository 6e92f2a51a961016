-- Sums by day that pages read, kept in the transactions that change what they sum up.

-- What lies in storage at the end of each day (of the running one: since its last change), and the day's part of the integral over time.
create table storage_days (
  organization_id uuid not null references organizations (id),
  day date not null,
  bytes bigint not null check (bytes >= 0),
  byte_microseconds numeric(40, 0) not null check (byte_microseconds >= 0),
  primary key (organization_id, day)
);

-- What was used beyond the included on each day, exactly, whoever pays for it and in whichever month.
create table beyond_days (
  organization_id uuid not null references organizations (id),
  day date not null,
  meter text not null,
  unit_price numeric(24, 12) not null check (unit_price > 0),
  quantity numeric not null,
  primary key (organization_id, day, meter, unit_price)
);

-- What was there before.
insert into storage_days (organization_id, day, bytes, byte_microseconds)
select organization_id, (as_of at time zone 'UTC')::date, current_bytes, 0 from storage_levels;
insert into beyond_days (organization_id, day, meter, unit_price, quantity)
select organization_id, day, meter, unit_price, sum(quantity) from (
  select organization_id, (used_at at time zone 'UTC')::date as day, meter, unit_price, beyond as quantity from priced_uses
  union all
  select r.organization_id, (coalesce(h.granted_at, r.recorded_at) at time zone 'UTC')::date, r.usage_type, r.unit_price, r.quantity
  from usage_records r left join holds h on h.organization_id = r.organization_id and h.id = r.hold_id where r.pocket in ('credits', 'metered') and r.unit_price > 0
  union all
  select s.organization_id, (d at time zone 'UTC')::date, 'storage', s.unit_price,
    round((s.bytes - s.included_bytes) * extract(epoch from least(s.to_at, d + interval '24 hours') - greatest(s.from_at, d)) / 3.6e12, 18)
  from storage_steps s, generate_series(date_trunc('day', s.from_at, 'UTC'), s.to_at - interval '1 microsecond', interval '24 hours') d) before
group by 1, 2, 3, 4;

-- Units of work are summed by the hour they were granted in, like everything else.
insert into usage_hours (organization_id, hour, meter, key_id, model, suite_id, quantity, events)
select r.organization_id, date_trunc('hour', coalesce(h.granted_at, r.recorded_at), 'UTC'), r.usage_type, coalesce(r.key_id, '00000000-0000-0000-0000-000000000000'), '', coalesce(r.suite_id, ''), sum(r.quantity), count(*)
from usage_records r left join holds h on h.organization_id = r.organization_id and h.id = r.hold_id group by 1, 2, 3, 4, 5, 6
on conflict (organization_id, hour, meter, key_id, model, suite_id) do update set quantity = usage_hours.quantity + excluded.quantity, events = usage_hours.events + excluded.events;

-- Requests that were too many.
alter table key_hours add column refused bigint not null default 0;

alter table storage_days enable row level security;
alter table beyond_days enable row level security;
create policy own on storage_days for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on beyond_days for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on storage_days for all to tracepipe_work using (true) with check (true);
create policy everything on beyond_days for all to tracepipe_work using (true) with check (true);
grant select, insert, update on storage_days, beyond_days to tracepipe_web, tracepipe_work;

-- Records are listed by time.
create index priced_uses_by_time on priced_uses (organization_id, used_at desc);
