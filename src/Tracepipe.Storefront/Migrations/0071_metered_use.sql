-- Use beyond what is included: how much, and who has paid each cent of it.

-- What lies in storage now; the integral over time is kept per month, exactly, in byte-microseconds (a GB-hour is 3.6e18 of them).
create table storage_levels (
  organization_id uuid primary key references organizations (id),
  current_bytes bigint not null check (current_bytes >= 0),
  included_bytes bigint not null check (included_bytes >= -1), -- -1: unlimited
  as_of timestamptz not null
);
create table storage_months (
  organization_id uuid not null references organizations (id),
  bill_month date not null,
  byte_microseconds numeric(40, 0) not null check (byte_microseconds >= 0),
  above_byte_microseconds numeric(40, 0) not null check (above_byte_microseconds >= 0), -- beyond the included level
  primary key (organization_id, bill_month)
);

-- The exact quantity beyond the included one, per meter and price, and how its cents were paid. Cents are decided downwards while the month runs and rounded
-- once when it is closed, so that what was decided adds up to the invoice's line.
create table accruals (
  organization_id uuid not null references organizations (id),
  bill_month date not null, -- the month whose invoice shows it
  origin_month date not null, -- the month it was used in: an earlier one when that was closed before the use was reported
  meter text not null,
  unit_price numeric(24, 12) not null check (unit_price > 0),
  quantity numeric not null default 0 check (quantity >= 0),
  credits_minor bigint not null default 0 check (credits_minor >= 0),
  metered_minor bigint not null default 0 check (metered_minor >= 0),
  held_back_minor bigint not null default 0 check (held_back_minor >= 0), -- recorded, charged by nobody until somebody raises the cap or pays
  postings int not null default 0,
  unsettled_since timestamptz, -- the earliest use that is not decided yet
  primary key (organization_id, bill_month, meter, unit_price, origin_month)
);

-- Lines whose amount was decided in a month that is closed: carried ones, and what was held back then and is paid now.
create table bill_items (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  bill_month date not null, -- the month whose invoice shows it
  kind text not null check (kind in ('carried', 'held_back')),
  meter text not null,
  unit_price numeric(24, 12) not null,
  quantity numeric not null,
  amount_minor bigint not null,
  credits_minor bigint not null default 0,
  origin_month date not null, -- the month it is about
  cause text not null, -- adds it once
  invoice_id uuid,
  primary key (organization_id, id),
  unique (organization_id, cause)
);
create index bill_items_open on bill_items (organization_id, bill_month) where invoice_id is null;

create table bill_months (
  organization_id uuid not null references organizations (id),
  bill_month date not null,
  closed_at timestamptz not null,
  primary key (organization_id, bill_month)
);

-- What a card has to pay for in a month: decided, and set aside for work in progress. Together they never pass the cap.
create table spending (
  organization_id uuid not null references organizations (id),
  bill_month date not null,
  metered_minor bigint not null default 0 check (metered_minor >= 0),
  held_minor bigint not null default 0 check (held_minor >= 0),
  primary key (organization_id, bill_month)
);

-- What the billing account says about it: how far, and whether a card pays at all.
create view spend_rules with (security_invoker = true) as
  select a.organization_id, a.spend_cap_cents as cap_minor,
    a.auto_billing_enabled and exists (select 1 from payment_methods p where p.organization_id = a.organization_id and p.is_default and p.detached_at is null) as card_pays
  from billing_accounts a;

alter table hold_parts drop constraint hold_parts_pocket_check;
alter table hold_parts add constraint hold_parts_pocket_check check (pocket in ('free', 'included', 'credits', 'metered'));

alter table storage_levels enable row level security;
alter table storage_months enable row level security;
alter table accruals enable row level security;
alter table bill_items enable row level security;
alter table bill_months enable row level security;
alter table spending enable row level security;
create policy own on storage_levels for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on storage_months for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on accruals for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on bill_items for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on bill_months for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on spending for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on storage_levels for all to tracepipe_work using (true) with check (true);
create policy everything on storage_months for all to tracepipe_work using (true) with check (true);
create policy everything on accruals for all to tracepipe_work using (true) with check (true);
create policy everything on bill_items for all to tracepipe_work using (true) with check (true);
create policy everything on bill_months for all to tracepipe_work using (true) with check (true);
create policy everything on spending for all to tracepipe_work using (true) with check (true);
grant select, insert, update on storage_levels, storage_months, accruals, spending to tracepipe_web, tracepipe_work;
grant select, insert on bill_items, bill_months to tracepipe_web, tracepipe_work;
grant update (invoice_id, bill_month) on bill_items to tracepipe_work;
grant select on spend_rules to tracepipe_web, tracepipe_work;
