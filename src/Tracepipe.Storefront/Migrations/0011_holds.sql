-- A unit of work is held before it begins, committed when it succeeded, released when it failed or took too long. The id is the caller's.
create table holds (
  organization_id uuid not null references organizations (id),
  id text not null check (length(id) between 1 and 255),
  body_digest bytea not null,
  meter text not null,
  quantity bigint not null check (quantity > 0),
  state text not null check (state in ('open', 'committed', 'released', 'expired')),
  key_id uuid,
  granted_at timestamptz not null,
  expires_at timestamptz not null,
  settled_at timestamptz,
  committed bigint check (committed between 1 and quantity),
  usage_details jsonb,
  primary key (organization_id, id)
);
create index holds_open on holds (organization_id, expires_at) where state = 'open';
create index holds_expiring on holds (expires_at) where state = 'open';

-- Which pocket carries how many units of a hold, and at what price: decided when granted, never recomputed.
create table hold_parts (
  organization_id uuid not null,
  hold_id text not null,
  ordinal int not null,
  pocket text not null check (pocket in ('free', 'included')),
  period_start timestamptz not null,
  quantity bigint not null check (quantity > 0),
  unit_price numeric(24, 12) not null check (unit_price >= 0),
  primary key (organization_id, hold_id, ordinal),
  foreign key (organization_id, hold_id) references holds (organization_id, id)
);

-- What was used, one row per hold and pocket. Rows are only ever added; billing marks them.
create table usage_records (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  usage_type text not null,
  pocket text not null,
  quantity numeric(24, 12) not null check (quantity > 0),
  unit_price numeric(24, 12) not null,
  total_minor bigint not null,
  currency text not null,
  quota_period_start timestamptz not null,
  bill_month date not null,
  hold_id text,
  key_id uuid,
  ticket_id text,
  suite_id text,
  usage_details jsonb,
  recorded_at timestamptz not null,
  invoice_id uuid,
  billed_at timestamptz,
  primary key (organization_id, id)
);
create index usage_records_by_time on usage_records (organization_id, recorded_at desc);
create unique index usage_records_once on usage_records (organization_id, hold_id, pocket, quota_period_start) where hold_id is not null;

alter table holds enable row level security;
alter table hold_parts enable row level security;
alter table usage_records enable row level security;
create policy own on holds for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on hold_parts for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on usage_records for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on holds for all to tracepipe_work using (true) with check (true);
create policy everything on hold_parts for all to tracepipe_work using (true) with check (true);
create policy everything on usage_records for all to tracepipe_work using (true) with check (true);
grant select, insert, update on holds to tracepipe_web, tracepipe_work;
grant select, insert, delete on hold_parts to tracepipe_web, tracepipe_work;
grant select, insert on usage_records to tracepipe_web, tracepipe_work;
grant update (invoice_id, billed_at) on usage_records to tracepipe_work;
