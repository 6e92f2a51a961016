-- Corrections of finished invoices. The invoice stays as it is; what was charged too much is a credit note: old less recomputed, with the reason.
create table credit_notes (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  invoice_id uuid not null,
  number text not null unique, -- CN-2026-000001, without a gap per year
  line int not null, -- the invoice's line that was computed again
  record_id uuid not null, -- the usage record, or the digest of the event, that was no use
  quantity numeric not null check (quantity > 0), -- taken off the line
  amount_cents bigint not null check (amount_cents >= 0),
  held_back_cents bigint not null check (held_back_cents >= 0), -- of it: what nobody had paid
  card_cents bigint not null check (card_cents >= 0), -- of it: taken off what is due, or given back to the card
  credits_cents bigint not null check (credits_cents >= 0), -- of it: given back as credits
  stripe_credit_note_id text,
  is_refund boolean, -- the card had paid already; null: not told to Stripe yet, or nothing to tell
  reason text not null check (length(reason) between 1 and 500),
  created_at timestamptz not null,
  primary key (organization_id, id),
  unique (organization_id, record_id),
  foreign key (organization_id, invoice_id) references invoices (organization_id, id),
  check (amount_cents = held_back_cents + card_cents + credits_cents)
);
create index credit_notes_by_invoice on credit_notes (organization_id, invoice_id);
create table credit_note_numbers (
  year int primary key,
  last int not null check (last > 0)
);
alter table invoices add column credited_cents bigint not null default 0 check (credited_cents >= 0); -- taken off what is due by credit notes
alter table credit_notes enable row level security;
alter table credit_note_numbers enable row level security;
create policy own on credit_notes for select to tracepipe_web using (organization_id = current_organization());
create policy everything on credit_notes for all to tracepipe_work using (true) with check (true);
create policy everything on credit_note_numbers for all to tracepipe_work using (true) with check (true);
grant select on credit_notes to tracepipe_web;
grant select, insert on credit_notes to tracepipe_work;
grant update (stripe_credit_note_id, is_refund) on credit_notes to tracepipe_work;
grant select, insert, update on credit_note_numbers to tracepipe_work;
