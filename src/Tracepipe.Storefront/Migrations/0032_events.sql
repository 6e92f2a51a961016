-- Every event that was ever counted, by the digest of its source and id: what comes again at any age is known. Not by month, because the promise is for ever.
create table event_ids (
  organization_id uuid not null,
  digest uuid not null, -- 16 bytes of SHA-256
  body uuid not null,   -- the same of what it said, so that another body under the same id is found out
  primary key (organization_id, digest)
) partition by hash (digest);
do $$
begin
  for n in 0..7 loop
    execute format('create table event_ids_%s partition of event_ids for values with (modulus 8, remainder %s)', n, n);
  end loop;
end $$;

-- What was reported, as it was reported, by the month it happened in. Rows are only ever added; partitions are made ahead.
create table usage_events (
  organization_id uuid not null,
  time timestamptz not null,
  meter text not null,
  quantity numeric(24, 12) not null check (quantity > 0),
  model text,
  key_id uuid,
  suite_id text,
  ticket_id text,
  source text not null,
  event_id text not null,
  digest uuid not null,
  details json, -- attributes and data members that we do not know
  received_at timestamptz not null
) partition by range (time);
create index usage_events_by_time on usage_events (organization_id, time);

-- The sums that pages and prices read, kept in the transaction that adds the events. '' and the zero uuid stand for nothing, because a key has no nulls.
create table usage_hours (
  organization_id uuid not null,
  hour timestamptz not null,
  meter text not null,
  key_id uuid not null,
  model text not null,
  suite_id text not null,
  quantity numeric(24, 12) not null,
  events bigint not null,
  primary key (organization_id, hour, meter, key_id, model, suite_id)
) with (fillfactor = 70);

-- Reported under a name that is no meter here: for the operator, who has forgotten one or whose backend has misspelt it.
create table unmatched_events (
  type text primary key,
  events bigint not null,
  first_at timestamptz not null,
  last_at timestamptz not null,
  last_source text not null,
  last_organization_id uuid
);

-- The one piece of schema that is made while the program runs, so by the owner's right and for one purpose.
create function ensure_event_month(month date) returns boolean language plpgsql security definer set search_path = public, pg_temp
as $$
declare
  first_day date := date_trunc('month', month)::date;
  name text := 'usage_events_' || to_char(month, 'YYYYMM');
begin
  if month < date '2000-01-01' or month > date '9998-01-01' then raise exception 'no such month'; end if;
  if to_regclass('public.' || name) is not null then return false; end if;
  perform pg_advisory_xact_lock(7236277114);
  if to_regclass('public.' || name) is not null then return false; end if;
  -- Made beside and attached: that waits for no reader and no writer.
  execute format('create table %I (like usage_events including defaults including constraints)', name);
  execute format('alter table usage_events attach partition %I for values from (%L) to (%L)', name,
    to_char(first_day, 'YYYY-MM-DD') || ' 00:00:00+00', to_char(first_day + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
  return true;
end $$;
revoke all on function ensure_event_month(date) from public;
grant execute on function ensure_event_month(date) to tracepipe_work;

alter table event_ids enable row level security;
alter table usage_events enable row level security;
alter table usage_hours enable row level security;
create policy own on usage_events for select to tracepipe_web using (organization_id = current_organization());
create policy own on usage_hours for select to tracepipe_web using (organization_id = current_organization());
create policy everything on event_ids for all to tracepipe_work using (true) with check (true);
create policy everything on usage_events for all to tracepipe_work using (true) with check (true);
create policy everything on usage_hours for all to tracepipe_work using (true) with check (true);
grant select on usage_events, usage_hours to tracepipe_web;
grant select, insert on event_ids, usage_events to tracepipe_work;
grant select, insert, update on usage_hours, unmatched_events to tracepipe_work;
