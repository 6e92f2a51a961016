-- Invoices of plans as Stripe has them, mirrored whole; amounts and lines are copied, never computed here. Stripe's pages for them are asked for when
-- somebody clicks and are not stored: they expire.
create table invoices (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  kind text not null check (kind in ('plan', 'usage')),
  stripe_invoice_id text,
  number text,
  status text not null check (status in ('draft', 'open', 'paid', 'uncollectible', 'void')),
  billing_reason text,
  stripe_subscription_id text,
  currency text not null,
  subtotal_cents bigint not null,
  tax_cents bigint not null,
  discount_cents bigint not null,
  total_cents bigint not null,
  credits_applied_cents bigint not null,
  amount_due_cents bigint not null,
  amount_paid_cents bigint not null,
  amount_refunded_cents bigint not null default 0,
  description text,
  period_start timestamptz,
  period_end timestamptz,
  due_date timestamptz,
  attempts int not null default 0,
  next_attempt_at timestamptz,
  finalized_at timestamptz,
  paid_at timestamptz,
  voided_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  look bigint not null default 0,
  primary key (organization_id, id),
  unique (organization_id, stripe_invoice_id)
);
create index invoices_by_time on invoices (organization_id, created_at desc);

create table invoice_lines (
  organization_id uuid not null,
  invoice_id uuid not null,
  ordinal int not null,
  description text not null,
  meter text,
  quantity numeric(24, 12) not null,
  unit_price numeric(24, 12) not null, -- dollars
  amount_cents bigint not null,
  period_start timestamptz,
  period_end timestamptz,
  is_proration boolean not null default false,
  primary key (organization_id, invoice_id, ordinal),
  foreign key (organization_id, invoice_id) references invoices (organization_id, id)
);

alter table invoices enable row level security;
alter table invoice_lines enable row level security;
create policy own on invoices for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on invoice_lines for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on invoices for all to tracepipe_work using (true) with check (true);
create policy everything on invoice_lines for all to tracepipe_work using (true) with check (true);
grant select on invoices, invoice_lines to tracepipe_web;
grant select, insert, update on invoices to tracepipe_work;
grant select, insert, delete on invoice_lines to tracepipe_work;
