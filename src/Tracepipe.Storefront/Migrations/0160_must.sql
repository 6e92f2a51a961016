-- Ends a transaction in which something is not as a statement of it relies on, before its commit, which may travel with the statement, is reached.
create function must(holds boolean, broken text) returns void language plpgsql as $$
begin
  if holds is not true then
    raise exception '%', broken using errcode = 'TP001';
  end if;
end $$;

-- The same check as before, one look at the account and one at its last entry: the account counts as many entries as there are, and has the balance after the last.
create or replace function ledger_check_account() returns trigger language plpgsql as $$
declare
  account ledger_accounts;
  last ledger_entries;
begin
  select * into account from ledger_accounts where organization_id = new.organization_id and id = new.id;
  select * into last from ledger_entries where organization_id = new.organization_id and account_id = new.id order by place desc limit 1;
  if account.entries <> coalesce(last.place, 0) or account.balance <> coalesce(last.balance, 0) then
    raise exception 'the balance of account % is not the sum of its entries', new.id using errcode = 'integrity_constraint_violation', constraint = 'ledger_balance';
  end if;
  return null;
end $$;
