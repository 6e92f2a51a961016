-- What was held back and is paid for after its month was closed counts as metered in the month it is paid in.
alter table bill_items add column metered_month date;

-- What Stripe's meters are told: whole numbers, each under a name that is never used for another. The rest of a unit waits for the next one.
create table meter_exports (
  organization_id uuid not null references organizations (id),
  bill_month date not null,
  meter text not null,
  revision int not null,
  identifier text not null unique,
  value bigint not null check (value <> 0),
  is_repair boolean not null default false, -- brings Stripe to what was told before, and is no use of its own
  at timestamptz not null, -- the moment that Stripe counts it for
  state text not null check (state in ('planned', 'sent', 'unresolved', 'too_old')),
  created_at timestamptz not null,
  first_tried_at timestamptz,
  sent_at timestamptz,
  primary key (organization_id, bill_month, meter, revision)
);
create index meter_exports_planned on meter_exports (created_at) where state = 'planned';

-- Each comparison with Stripe, and what it found.
create table reconciliations (
  id uuid primary key,
  at timestamptz not null,
  compared int not null,
  differences json not null
);
create index reconciliations_by_time on reconciliations (at desc);
alter table meter_exports enable row level security;
alter table reconciliations enable row level security;
create policy everything on meter_exports for all to tracepipe_work using (true) with check (true);
create policy everything on reconciliations for all to tracepipe_work using (true) with check (true);
grant select, insert on meter_exports, reconciliations to tracepipe_work;
grant update (state, first_tried_at, sent_at) on meter_exports to tracepipe_work;
