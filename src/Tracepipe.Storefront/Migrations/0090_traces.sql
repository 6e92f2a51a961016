-- Traces that people keep. A file is stored once per organization, by its SHA-256; each upload of it is a session of its own.
create table trace_files (
  organization_id uuid not null references organizations (id),
  sha256 bytea not null check (octet_length(sha256) = 32),
  bytes bigint not null check (bytes > 0),
  stored_at timestamptz not null,
  primary key (organization_id, sha256)
);

create table trace_sessions (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  suite_id text not null,
  description text not null default '' check (length(description) <= 1000),
  file_name text not null check (length(file_name) between 1 and 255),
  sha256 bytea not null,
  bytes bigint not null,
  -- The session that brought the same file first, while it was there; null: this one did.
  duplicate_of uuid,
  summary jsonb not null,
  key_id uuid,
  created_by uuid,
  created_at timestamptz not null,
  -- Deleted at this instant; null: kept until somebody deletes it.
  keep_until timestamptz,
  primary key (organization_id, id),
  foreign key (organization_id, sha256) references trace_files (organization_id, sha256)
);
create index trace_sessions_newest on trace_sessions (organization_id, created_at desc, id desc);
create index trace_sessions_of_file on trace_sessions (organization_id, sha256);
create index trace_sessions_by_end on trace_sessions (keep_until) where keep_until is not null;

-- How long an organization keeps its sessions; no row: until they are deleted.
create table trace_retention (
  organization_id uuid primary key references organizations (id),
  keep_days int not null check (keep_days between 1 and 3650)
);

-- Uploads in pieces (tus 1.0): what has arrived is on disk before the offset says so.
create table trace_uploads (
  organization_id uuid not null references organizations (id),
  id uuid not null,
  bytes bigint not null check (bytes > 0),
  received bigint not null default 0 check (received between 0 and bytes),
  suite_id text not null,
  description text not null,
  file_name text not null,
  sha256 bytea check (octet_length(sha256) = 32),
  key_id uuid,
  created_by uuid,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  -- One request at a time writes; a node that died lets go by itself.
  leased_until timestamptz,
  lease uuid,
  -- The session that it became.
  session_id uuid,
  primary key (organization_id, id)
);
create index trace_uploads_by_end on trace_uploads (expires_at);

alter table trace_files enable row level security;
alter table trace_sessions enable row level security;
alter table trace_retention enable row level security;
alter table trace_uploads enable row level security;
create policy own on trace_files for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on trace_sessions for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on trace_retention for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy own on trace_uploads for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on trace_files for all to tracepipe_work using (true) with check (true);
create policy everything on trace_sessions for all to tracepipe_work using (true) with check (true);
create policy everything on trace_retention for all to tracepipe_work using (true) with check (true);
create policy everything on trace_uploads for all to tracepipe_work using (true) with check (true);
grant select, insert, update, delete on trace_files, trace_sessions, trace_retention, trace_uploads to tracepipe_web, tracepipe_work;
