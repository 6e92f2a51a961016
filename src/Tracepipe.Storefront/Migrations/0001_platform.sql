-- Two roles that log nobody in. The program opens its connections with `role=…`; migrations run as the connection's own user, who owns everything.
--   tracepipe_web   pages and API: row-level security shows one organization (app.org) and one person (app.person); no DDL
--   tracepipe_work  inbox, jobs, ingest, key lookup, operator: every organization, by an explicit policy on each table
do $$
begin
  create role tracepipe_web nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
  create role tracepipe_work nologin;
exception when duplicate_object or unique_violation then null;
end $$;
do $$
begin
  if not pg_has_role(current_user, 'tracepipe_web', 'member') or not pg_has_role(current_user, 'tracepipe_work', 'member') then
    execute format('grant tracepipe_web, tracepipe_work to %I', current_user);
  end if;
end $$;

grant usage on schema public to tracepipe_web, tracepipe_work;
revoke create on schema public from public;

create function current_organization() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.org', true), '')::uuid $$;
create function current_person() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.person', true), '')::uuid $$;

-- Keys that protect cookies and tokens: shared by all nodes.
create table data_protection_keys (
  name text primary key,
  xml text not null,
  created_at timestamptz not null
);
grant select, insert on data_protection_keys to tracepipe_work;

-- Outgoing mail is written in the transaction that wants it and sent afterwards.
create table mails (
  id bigint generated always as identity primary key,
  recipient text not null,
  subject text not null,
  body text not null,
  created_at timestamptz not null,
  due_at timestamptz not null,
  tries int not null default 0,
  state text not null default 'queued' check (state in ('queued', 'sent', 'tray', 'failed')),
  failure text,
  settled_at timestamptz
);
create index mails_queued on mails (due_at) where state = 'queued';
grant insert on mails to tracepipe_web;
grant select, insert, update, delete on mails to tracepipe_work;
