-- What organizations subscribe to. Rows of source "stripe" are a projection: fetched by id and written whole. The others (lifetime, grant, contract) are
-- ours alone and end by date, if ever.
create table subscriptions (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  source text not null check (source in ('stripe', 'lifetime', 'grant', 'contract')),
  stripe_subscription_id text,
  stripe_status text, -- as Stripe says it, also when we do not know the word
  status text not null check (status in ('trialing', 'active', 'past_due', 'paused', 'incomplete', 'canceled')),
  is_live boolean not null,
  tier text not null,
  catalog_version int not null references catalog_versions (version), -- the version that was bought
  price_id text,
  item_id text,
  period_anchor timestamptz not null,
  period_start timestamptz,
  period_end timestamptz,
  ends_at timestamptz, -- set: it does not renew
  canceled_at timestamptz,
  ended_at timestamptz,
  trial_start timestamptz,
  trial_end timestamptz,
  past_due_since timestamptz,
  grace_until timestamptz,
  is_unpaid boolean not null default false,
  schedule_id text,
  next_tier text, -- a downgrade that waits for the period's end
  next_at timestamptz,
  purchase_cents bigint, -- what a plan without Stripe was bought for
  payment_intent text,
  due_at timestamptz, -- when the calendar itself changes something
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (organization_id, id),
  unique (organization_id, stripe_subscription_id),
  check ((source = 'stripe') = (stripe_subscription_id is not null)),
  check ((next_tier is null) = (next_at is null))
);
create unique index subscriptions_one_live on subscriptions (organization_id, source) where is_live;
create index subscriptions_due on subscriptions (due_at) where due_at is not null;

-- Each look at Stripe draws a number before it fetches: what a later look has written is not overwritten by an earlier one.
create sequence stripe_looks;
alter table billing_accounts add column plan_look bigint not null default 0;

-- Why an account is suspended; it is as long as one reason stands.
create table suspensions (
  organization_id uuid not null references billing_accounts (organization_id),
  reason text not null,
  since timestamptz not null,
  primary key (organization_id, reason)
);

-- What a change of plan would cost, as it was shown: confirmed as it is, or not at all.
create table plan_previews (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  stripe_subscription_id text not null,
  item_id text not null,
  from_price text not null,
  to_price text not null,
  tier text not null,
  catalog_version int not null references catalog_versions (version),
  period_end timestamptz not null,
  effective text not null check (effective in ('now', 'period_end')),
  prorated_at timestamptz not null, -- sent with the change, so that the charge equals what was shown
  credit_cents bigint not null,
  charge_cents bigint not null,
  net_cents bigint not null,
  currency text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  primary key (organization_id, id)
);

-- Which price at Stripe sells which tier. A price is never changed, so a row isn't either.
create table plan_prices (
  price_id text primary key,
  tier text not null,
  catalog_version int not null references catalog_versions (version),
  amount_cents bigint not null,
  currency text not null,
  found_at timestamptz not null
);

-- Seats of a tier that is sold once, to so many organizations and no more.
create table lifetime_seats (
  tier text not null,
  seat int not null check (seat > 0),
  organization_id uuid not null,
  sold_at timestamptz not null,
  primary key (tier, seat),
  unique (tier, organization_id)
);

alter table subscriptions enable row level security;
alter table suspensions enable row level security;
alter table plan_previews enable row level security;
alter table plan_prices enable row level security;
alter table lifetime_seats enable row level security;
create policy own on subscriptions for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on suspensions for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on plan_previews for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on subscriptions for all to tracepipe_work using (true) with check (true);
create policy everything on suspensions for all to tracepipe_work using (true) with check (true);
create policy everything on plan_previews for all to tracepipe_work using (true) with check (true);
create policy everything on plan_prices for all to tracepipe_work using (true) with check (true);
create policy everything on lifetime_seats for all to tracepipe_work using (true) with check (true);
grant select on subscriptions, suspensions to tracepipe_web;
grant select, insert, update on plan_previews to tracepipe_web, tracepipe_work;
grant select, insert, update on subscriptions to tracepipe_work;
grant select, insert, delete on suspensions to tracepipe_work;
grant select, insert on plan_prices to tracepipe_work;
grant select, insert, delete on lifetime_seats to tracepipe_work;
grant usage on sequence stripe_looks to tracepipe_work;
