-- A document may come back: what was published before an experiment is published again after it, as a new version.
alter table catalog_versions drop constraint catalog_versions_digest_key;

-- Which price at Stripe sells which tier of which version. An unchanged price serves several versions; with other keys (test, then live) a tier gets
-- another one, and the newest counts. Nothing is removed: subscribers keep what they bought.
create table stripe_prices (
  catalog_version int not null references catalog_versions (version),
  tier text not null,
  price_id text not null,
  applied_at timestamptz not null,
  primary key (catalog_version, tier, price_id)
);
create index stripe_prices_by_id on stripe_prices (price_id);

-- What else was made at Stripe for the catalogue: product (by tier), meter (by key), portal (default).
create table stripe_objects (
  kind text not null check (kind in ('product', 'meter', 'portal')),
  name text not null,
  object_id text not null,
  applied_at timestamptz not null,
  primary key (kind, name)
);
grant select on stripe_prices, stripe_objects to tracepipe_web;
grant select, insert, update on stripe_prices, stripe_objects to tracepipe_work;
