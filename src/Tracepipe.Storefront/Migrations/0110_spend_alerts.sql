-- Mails about money, each sent once: the row decides, on however many nodes the job runs. A level whose row is gone may be told again (a changed cap takes rows away).
create table spend_alerts (
  organization_id uuid not null references organizations (id),
  bill_month date not null,
  level int not null check (level in (50, 80, 100)), -- per cent of the cap
  cap_minor bigint not null,
  spent_minor bigint not null,
  raised_at timestamptz not null,
  primary key (organization_id, bill_month, level)
);
alter table spend_alerts enable row level security;
create policy own on spend_alerts for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on spend_alerts for all to tracepipe_work using (true) with check (true);
grant select, delete on spend_alerts to tracepipe_web;
grant select, insert, delete on spend_alerts to tracepipe_work;
create index spending_by_month on spending (bill_month);

-- Below this the buyer wants a mail, once until the credits are above it again; null: never.
alter table billing_accounts
  add column low_credit_cents bigint check (low_credit_cents > 0),
  add column low_credit_told_at timestamptz;

-- What a grant that has expired still holds is written back by a job.
create index ledger_accounts_expiring on ledger_accounts (expires_at) where kind = 'available' and expires_at is not null;
