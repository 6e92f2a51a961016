-- What somebody set out to buy on Stripe's page. The row is there before the page is; what was paid is compared with it.
--   planned     Stripe has not answered yet        completed  paid, and given what was bought
--   open        the page waits for the buyer       refunded   paid, but it could not be given: the money went back
--   superseded  a newer one took its place         expired    nobody paid in time
--   failed      Stripe refused to make the page
create table checkouts (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  kind text not null check (kind in ('subscription', 'lifetime', 'credits')),
  tier text,
  catalog_version int references catalog_versions (version),
  amount_cents bigint not null check (amount_cents > 0), -- before discounts
  currency text not null,
  trial_days int not null default 0,
  state text not null check (state in ('planned', 'open', 'superseded', 'expired', 'completed', 'refunded', 'failed')),
  stripe_session_id text unique,
  payment_intent text,
  stripe_subscription_id text,
  paid_cents bigint,
  refund_reason text check (refund_reason in ('sold_out', 'already_owned', 'duplicate')),
  created_at timestamptz not null,
  settled_at timestamptz,
  primary key (organization_id, id),
  check ((kind = 'credits') = (tier is null))
);
create index checkouts_by_payment on checkouts (payment_intent) where payment_intent is not null;
create index checkouts_open on checkouts (organization_id) where state in ('planned', 'open');

-- How far Stripe's list of events has been read by ourselves, for what no webhook has brought.
create table event_catch_ups (
  id int primary key check (id = 1),
  read_until timestamptz not null,
  ran_at timestamptz not null
);

alter table checkouts enable row level security;
alter table event_catch_ups enable row level security;
create policy own on checkouts for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on checkouts for all to tracepipe_work using (true) with check (true);
create policy everything on event_catch_ups for all to tracepipe_work using (true) with check (true);
grant select, insert, update on checkouts to tracepipe_web, tracepipe_work;
grant select, insert, update on event_catch_ups to tracepipe_work;
