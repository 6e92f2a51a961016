-- One billing account per organization, made in the transaction that makes the organization. What Stripe keeps (customer, cards) is projected here:
-- always fetched by id and written whole, so the order of events does not matter.
create table billing_accounts (
  organization_id uuid primary key references organizations (id),
  id uuid not null,
  stripe_customer_id text unique, -- null until Stripe has made the customer
  status text not null default 'pending' check (status in ('pending', 'active', 'suspended', 'canceled')),
  auto_billing_enabled boolean not null default false,
  first_card_at timestamptz, -- auto-billing is switched on by the first card only
  spend_cap_cents bigint default 10000 check (spend_cap_cents >= 0), -- null: no cap
  billing_email text,
  tax_exempt boolean not null default false,
  -- A look at Stripe draws a ticket before it fetches; what a later ticket has written is not overwritten by an earlier one.
  last_ticket bigint not null default 0,
  shown_ticket bigint not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null
);

-- What an organization can pay with: a projection of Stripe's list. Detached is for ever.
create table payment_methods (
  organization_id uuid not null references billing_accounts (organization_id),
  id text not null check (id ~ '^[A-Za-z0-9_]{3,255}$'),
  type text not null,
  brand text,
  last4 text check (last4 ~ '^[0-9]{4}$'),
  exp_month int check (exp_month between 1 and 12),
  exp_year int check (exp_year between 1970 and 9999),
  fingerprint text,
  is_default boolean not null,
  attached_at timestamptz not null,
  detached_at timestamptz,
  primary key (organization_id, id),
  check (detached_at is null or not is_default)
);
create unique index payment_methods_default on payment_methods (organization_id) where is_default;
create index payment_methods_by_id on payment_methods (id);

-- Every write to Stripe stands here before it is sent, with the idempotency key it is sent under each time.
--   planned  not answered yet: past its due time it may have been sent, and is sent again under the same key
--   done     Stripe has answered; the answer is the id of the object
--   failed   Stripe has refused, or was never reached: nothing was done there
--   unknown  the answer was lost: sent again under the same key, or looked up when the key is old
create table stripe_operations (
  organization_id uuid not null references billing_accounts (organization_id),
  id uuid not null,
  kind text not null,
  subject text not null, -- what it is about, in our words: one operation per kind and subject
  attempt int not null default 1, -- a refused operation that is wanted again gets a new key
  idempotency_key text not null check (length(idempotency_key) between 1 and 255),
  request jsonb not null,
  request_hash text not null,
  state text not null default 'planned' check (state in ('planned', 'done', 'failed', 'unknown')),
  answer text,
  failure text,
  tries int not null default 0,
  actor_kind text not null check (actor_kind in ('person', 'key', 'operator', 'system')),
  actor_id uuid,
  created_at timestamptz not null,
  due_at timestamptz not null,
  settled_at timestamptz,
  primary key (organization_id, id),
  unique (organization_id, kind, subject),
  unique (organization_id, idempotency_key)
);
create index stripe_operations_due on stripe_operations (due_at) where state in ('planned', 'unknown');

-- What Stripe has told us: stored in the transaction that answers 2xx, acted on afterwards, once.
--   pending  to be handled at due_at      parked   given up, with the reason: an operator looks and replays
--   done     its effect is committed      ignored  of a kind or a customer that concerns nothing of ours
create table stripe_events (
  id text primary key,
  type text not null,
  api_version text,
  livemode boolean not null,
  created timestamptz not null,
  payload json not null, -- as it came: jsonb would refuse \u0000 and reorder
  received_at timestamptz not null,
  state text not null check (state in ('pending', 'done', 'parked', 'ignored')),
  tries int not null default 0,
  due_at timestamptz not null,
  reason text,
  settled_at timestamptz
);
create index stripe_events_due on stripe_events (due_at) where state = 'pending';
create index stripe_events_parked on stripe_events (received_at) where state = 'parked';

alter table billing_accounts enable row level security;
alter table payment_methods enable row level security;
alter table stripe_operations enable row level security;
alter table stripe_events enable row level security;

create policy own on billing_accounts for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on payment_methods for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on stripe_operations for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on billing_accounts for all to tracepipe_work using (true) with check (true);
create policy everything on payment_methods for all to tracepipe_work using (true) with check (true);
create policy everything on stripe_operations for all to tracepipe_work using (true) with check (true);
create policy everything on stripe_events for all to tracepipe_work using (true) with check (true);

grant select, insert, update on billing_accounts to tracepipe_web, tracepipe_work;
grant select on payment_methods to tracepipe_web;
grant select, insert, update on payment_methods to tracepipe_work;
grant select, insert, update on stripe_operations to tracepipe_web, tracepipe_work;
grant select, insert, update on stripe_events to tracepipe_work;

-- Organizations that exist already get what new ones get at birth.
insert into billing_accounts (organization_id, id, billing_email, created_at, updated_at)
  select id, gen_random_uuid(), billing_email, created_at, created_at from organizations where deleted_at is null;
insert into stripe_operations (organization_id, id, kind, subject, idempotency_key, request, request_hash, actor_kind, created_at, due_at)
  select id, gen_random_uuid(), 'customer.create', id::text, 'customer:' || id, jsonb_build_object('name', name, 'email', billing_email), '', 'system', created_at, created_at
  from organizations where deleted_at is null;
