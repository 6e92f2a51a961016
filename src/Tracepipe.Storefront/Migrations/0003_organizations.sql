-- Who owns and pays. Everything billable hangs on an organization, never on a person.
create table organizations (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z0-9](-?[a-z0-9]){1,47}$'),
  name text not null check (length(name) between 1 and 100),
  is_personal boolean not null,
  billing_email text,
  created_at timestamptz not null,
  deleted_at timestamptz
);

create table members (
  organization_id uuid not null references organizations (id),
  person_id uuid not null,
  role text not null check (role in ('owner', 'admin', 'billing', 'developer', 'viewer')),
  joined_at timestamptz not null,
  primary key (organization_id, person_id)
);
create index members_by_person on members (person_id);

-- Who did what, when, from where. Rows are only ever added.
create table audit_entries (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  at timestamptz not null,
  actor_kind text not null check (actor_kind in ('person', 'key', 'operator', 'system')),
  actor_id uuid,
  action text not null,
  target text,
  details jsonb not null default '{}',
  address text,
  primary key (organization_id, id)
);
create index audit_entries_by_time on audit_entries (organization_id, at desc);

-- People who run this installation.
create table operators (
  person_id uuid primary key,
  added_at timestamptz not null
);

alter table organizations enable row level security;
alter table members enable row level security;
alter table audit_entries enable row level security;

-- A person sees the organizations he belongs to; inside one he sees its members.
create policy own on members for all to tracepipe_web
  using (organization_id = current_organization() or person_id = current_person())
  with check (organization_id = current_organization());
create policy own on organizations for all to tracepipe_web
  using (id = current_organization() or exists (select 1 from members m where m.organization_id = organizations.id and m.person_id = current_person()))
  with check (id = current_organization());
create policy own on audit_entries for all to tracepipe_web
  using (organization_id = current_organization()) with check (organization_id = current_organization());
-- ... and the names of those he shares one with.
create policy colleagues on people for select to tracepipe_web using (exists (select 1 from members m where m.person_id = people.id));
create policy everything on organizations for all to tracepipe_work using (true) with check (true);
create policy everything on members for all to tracepipe_work using (true) with check (true);
create policy everything on audit_entries for all to tracepipe_work using (true) with check (true);

grant select, update on organizations to tracepipe_web;
grant select, insert, update, delete on members to tracepipe_web;
grant select, insert on audit_entries to tracepipe_web;
grant select, insert, update on organizations to tracepipe_work;
grant select, insert, update, delete on members to tracepipe_work;
grant select, insert on audit_entries to tracepipe_work;
grant select, insert, delete on operators to tracepipe_work;
grant select on operators to tracepipe_web;
