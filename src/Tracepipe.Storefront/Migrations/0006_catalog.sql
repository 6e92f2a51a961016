-- Published catalogues: never changed, never removed. Subscribers keep the version they bought.
create table catalog_versions (
  version int generated always as identity primary key,
  digest text not null unique,
  document text not null,
  published_at timestamptz not null
);
grant select on catalog_versions to tracepipe_web;
grant select, insert on catalog_versions to tracepipe_work;
