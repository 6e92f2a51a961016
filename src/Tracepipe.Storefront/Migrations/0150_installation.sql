-- Which installation this database is: made at its first start, not here, so that a database made of a migrated template is another one. A folder of traces carries the same id.
create table installation (
  is_only boolean primary key default true check (is_only),
  id uuid not null,
  made_at timestamptz not null
);
grant select, insert on installation to tracepipe_work;
