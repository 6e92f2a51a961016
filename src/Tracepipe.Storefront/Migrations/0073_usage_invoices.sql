-- Our own invoices for use. They stand beside the mirrored ones in one table and one list; amounts and lines never change once the number is given.
alter table invoices
  add column bill_month date,
  add column push_due_at timestamptz, -- when it is taken up on its way to Stripe; null: it needs no way
  add column parked_reason text, -- Stripe says something else than we do: an operator looks
  add column payment_failure text,
  add column dunning_since timestamptz, -- the first failure, from which the calendar of reminders counts
  add column dunning_step int not null default 0,
  add column dunning_due_at timestamptz,
  add column retry_at timestamptz; -- a new card pays at once
create unique index invoices_number on invoices (number) where kind = 'usage';
create index invoices_push on invoices (push_due_at) where push_due_at is not null;
create index invoices_dunning on invoices (dunning_due_at) where dunning_due_at is not null;
create index invoices_retry on invoices (retry_at) where retry_at is not null;

-- Without a gap: the number is taken in the transaction that writes the invoice.
create table invoice_numbers (
  year int primary key,
  last int not null check (last > 0)
);
alter table invoice_numbers enable row level security;
create policy everything on invoice_numbers for all to tracepipe_work using (true) with check (true);
grant select, insert, update on invoice_numbers to tracepipe_work;

-- What accrues is series 0; what an invoice or the close of a month has taken is series 1, 2, … and has an id, which the records behind it carry.
alter table accruals add column series int not null default 0, add column id uuid, add column invoice_id uuid, add check ((series = 0) = (id is null));
alter table accruals drop constraint accruals_pkey;
alter table accruals add primary key (organization_id, bill_month, meter, unit_price, origin_month, series);
create unique index accruals_id on accruals (organization_id, id) where id is not null;
create index accruals_open on accruals (bill_month) where series = 0;

-- From a line to what stands behind it. An accrual, and what was left of another month, is on one line of one invoice, once.
alter table bill_items add column accrual_id uuid;
alter table invoice_lines add column kind text check (kind in ('use', 'carried', 'held_back', 'not_charged')), add column accrual_id uuid, add column item_id uuid;
create unique index invoice_lines_once on invoice_lines (organization_id, accrual_id) where kind in ('use', 'carried');
create unique index invoice_lines_item_once on invoice_lines (organization_id, item_id) where item_id is not null;

-- The records behind a line. Units of work have theirs in usage_records; reported quantities and stored bytes have them here.
alter table usage_records add column accrual_id uuid;
create index usage_records_by_accrual on usage_records (organization_id, accrual_id) where accrual_id is not null;
grant update (accrual_id) on usage_records to tracepipe_work;

-- Reported use as it was priced: which events, how much of them the plan still included, and what the rest costs.
alter table usage_events add column batch uuid; -- the transaction that stored it
alter table usage_pending add column batch uuid;
create table priced_uses (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  accrual_id uuid,
  bill_month date not null,
  origin_month date not null,
  meter text not null,
  model text,
  unit_price numeric(24, 12) not null check (unit_price > 0),
  used_at timestamptz not null, -- of the first event
  batches uuid[] not null,
  quantity numeric not null check (quantity > 0),
  included bigint not null check (included >= 0), -- by the plan in the quota period
  used_before numeric not null check (used_before >= 0), -- in the quota period
  beyond numeric not null check (beyond > 0),
  primary key (organization_id, id)
);
create index priced_uses_open on priced_uses (organization_id, bill_month) where accrual_id is null;
create index priced_uses_by_accrual on priced_uses (organization_id, accrual_id) where accrual_id is not null;

-- Stored bytes above the included level, step by step.
create table storage_steps (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  accrual_id uuid,
  bill_month date not null,
  unit_price numeric(24, 12) not null check (unit_price > 0),
  from_at timestamptz not null,
  to_at timestamptz not null check (to_at > from_at),
  bytes bigint not null,
  included_bytes bigint not null check (included_bytes >= 0 and bytes > included_bytes),
  primary key (organization_id, id)
);
create unique index storage_steps_once on storage_steps (organization_id, from_at);
create index storage_steps_by_accrual on storage_steps (organization_id, accrual_id) where accrual_id is not null;

alter table priced_uses enable row level security;
alter table storage_steps enable row level security;
create policy own on priced_uses for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on storage_steps for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on priced_uses for all to tracepipe_work using (true) with check (true);
create policy everything on storage_steps for all to tracepipe_work using (true) with check (true);
grant select, insert on priced_uses, storage_steps to tracepipe_web, tracepipe_work;
grant update (to_at) on storage_steps to tracepipe_web, tracepipe_work;
grant update (accrual_id) on priced_uses, storage_steps to tracepipe_work;
