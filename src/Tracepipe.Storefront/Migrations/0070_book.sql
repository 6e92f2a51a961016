-- The book: double entry, only ever added to. An amount on the credit side is positive, so what we owe or have earned (available, held, revenue) shows positive
-- balances, and what we own or have spent (cash, receivable, refunds, promotions, write-offs) negative ones. Every organization has accounts of its own.
create table ledger_accounts (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  kind text not null check (kind in ('available', 'held', 'cash', 'receivable', 'revenue', 'refunds', 'promotions', 'write_offs')),
  lot uuid not null default '00000000-0000-0000-0000-000000000000', -- a grant keeps credits of its own; what was bought is the lot zero
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  expires_at timestamptz,
  balance bigint not null default 0, -- minor units
  entries bigint not null default 0,
  primary key (organization_id, id),
  unique (organization_id, kind, lot, currency),
  check (lot = '00000000-0000-0000-0000-000000000000' or kind in ('available', 'held')),
  check (expires_at is null or lot <> '00000000-0000-0000-0000-000000000000')
);

-- Why something was posted. A cause posts once: that is the idempotency of webhooks, refunds, holds and invoices.
create table ledger_transactions (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  number bigint generated always as identity,
  cause_kind text not null check (cause_kind in ('purchase', 'grant', 'expiry', 'hold', 'hold_settled', 'settle', 'invoice', 'payment', 'refund', 'dispute', 'reversal', 'write_off')),
  cause_id text not null check (length(cause_id) between 1 and 300),
  about text, -- the cause that this one follows: a refund its purchase
  actor_kind text not null check (actor_kind in ('person', 'key', 'operator', 'system')),
  actor_id uuid,
  memo text,
  posted_at timestamptz not null,
  primary key (organization_id, id),
  unique (organization_id, cause_kind, cause_id)
);
create index ledger_transactions_about on ledger_transactions (organization_id, cause_kind, about) where about is not null;
create unique index ledger_transactions_number on ledger_transactions (organization_id, number);

-- Each entry knows the balance after it and its place in the account: the chain proves that a balance is the sum of its entries without adding them up.
create table ledger_entries (
  organization_id uuid not null,
  account_id uuid not null,
  place bigint not null check (place > 0),
  transaction_id uuid not null,
  amount_minor bigint not null check (amount_minor <> 0),
  currency text not null,
  balance bigint not null,
  primary key (organization_id, account_id, place),
  foreign key (organization_id, account_id) references ledger_accounts (organization_id, id),
  foreign key (organization_id, transaction_id) references ledger_transactions (organization_id, id)
);
create index ledger_entries_by_transaction on ledger_entries (organization_id, transaction_id);

-- The triggers check and change nothing; they run when the transaction commits.
create function ledger_check_entry() returns trigger language plpgsql as $$
declare
  account ledger_accounts;
  kind text;
  before bigint;
begin
  select * into account from ledger_accounts where organization_id = new.organization_id and id = new.account_id;
  if account.currency is distinct from new.currency then
    raise exception 'an entry of % in an account of %', new.currency, account.currency using errcode = 'integrity_constraint_violation', constraint = 'ledger_currency';
  end if;
  if exists (select 1 from ledger_entries where organization_id = new.organization_id and transaction_id = new.transaction_id group by currency having sum(amount_minor) <> 0) then
    raise exception 'transaction % does not sum to zero', new.transaction_id using errcode = 'integrity_constraint_violation', constraint = 'ledger_zero_sum';
  end if;
  select e.balance into before from ledger_entries e where e.organization_id = new.organization_id and e.account_id = new.account_id and e.place = new.place - 1;
  if (new.place > 1 and before is null) or coalesce(before, 0) + new.amount_minor <> new.balance
    or account.entries < new.place or (account.entries = new.place and account.balance <> new.balance) then
    raise exception 'the balance of account % is not the sum of its entries', new.account_id using errcode = 'integrity_constraint_violation', constraint = 'ledger_balance';
  end if;
  if new.amount_minor < 0 and new.balance < 0 and account.kind in ('available', 'held') then
    select t.cause_kind into kind from ledger_transactions t where t.organization_id = new.organization_id and t.id = new.transaction_id;
    if kind not in ('refund', 'dispute', 'reversal') or account.kind = 'held' then
      raise exception 'account % would be overdrawn by a posting of kind %', new.account_id, kind using errcode = 'integrity_constraint_violation', constraint = 'ledger_overdrawn';
    end if;
  end if;
  return null;
end $$;

create function ledger_check_account() returns trigger language plpgsql as $$
begin
  if exists (
    select 1 from ledger_accounts a left join ledger_entries e on e.organization_id = a.organization_id and e.account_id = a.id and e.place = a.entries
    where a.organization_id = new.organization_id and a.id = new.id and (a.balance <> coalesce(e.balance, 0) or (a.entries > 0) <> (e.place is not null)
      or exists (select 1 from ledger_entries l where l.organization_id = a.organization_id and l.account_id = a.id and l.place > a.entries))) then
    raise exception 'the balance of account % is not the sum of its entries', new.id using errcode = 'integrity_constraint_violation', constraint = 'ledger_balance';
  end if;
  return null;
end $$;

create function ledger_check_transaction() returns trigger language plpgsql as $$
begin
  if (select count(*) from ledger_entries where organization_id = new.organization_id and transaction_id = new.id) < 2 then
    raise exception 'transaction % has no two sides', new.id using errcode = 'integrity_constraint_violation', constraint = 'ledger_two_sides';
  end if;
  return null;
end $$;

create constraint trigger checked after insert on ledger_entries deferrable initially deferred for each row execute function ledger_check_entry();
create constraint trigger checked after insert or update on ledger_accounts deferrable initially deferred for each row execute function ledger_check_account();
create constraint trigger checked after insert on ledger_transactions deferrable initially deferred for each row execute function ledger_check_transaction();

alter table ledger_accounts enable row level security;
alter table ledger_transactions enable row level security;
alter table ledger_entries enable row level security;
create policy own on ledger_accounts for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on ledger_transactions for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on ledger_entries for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on ledger_accounts for all to tracepipe_work using (true) with check (true);
create policy everything on ledger_transactions for all to tracepipe_work using (true) with check (true);
create policy everything on ledger_entries for all to tracepipe_work using (true) with check (true);
-- No UPDATE and no DELETE on what was posted, for nobody who serves.
grant select, insert on ledger_transactions, ledger_entries, ledger_accounts to tracepipe_web, tracepipe_work;
grant update (balance, entries) on ledger_accounts to tracepipe_web, tracepipe_work;

-- Organizations that exist already get the accounts that new ones get at birth.
insert into ledger_accounts (organization_id, id, kind, currency)
  select o.id, gen_random_uuid(), k.kind, 'USD' from organizations o
  cross join (values ('available'), ('held'), ('cash'), ('receivable'), ('revenue'), ('refunds'), ('promotions'), ('write_offs')) k (kind);
