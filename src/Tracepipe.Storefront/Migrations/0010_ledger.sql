-- Where an organization stands: which plan it has, until when, whether it is suspended, what it may spend. One row each, and its lock is the
-- organization's lock: whatever decides which pocket pays takes it first.
create table standings (
  organization_id uuid primary key references organizations (id),
  plan text,
  plan_source text check (plan_source in ('stripe', 'lifetime', 'grant', 'contract')),
  catalog_version int references catalog_versions (version),
  plan_state text check (plan_state in ('active', 'trialing', 'past_due')),
  period_anchor timestamptz,
  period_start timestamptz,
  period_end timestamptz,
  ends_at timestamptz,
  grace_until timestamptz,
  is_suspended boolean not null default false,
  changed_at timestamptz not null,
  check ((plan is null) = (plan_source is null) and (plan is null) = (catalog_version is null) and (plan is null) = (plan_state is null) and (plan is null) = (period_anchor is null)),
  check (period_end > period_start)
);

-- What is used and held of a pocket's quota, per period: a new period is a new row, so that there is no reset.
create table quotas (
  organization_id uuid not null references organizations (id),
  pocket text not null check (pocket in ('free', 'included')),
  meter text not null,
  period_start timestamptz not null,
  used numeric(24, 12) not null default 0 check (used >= 0),
  held numeric(24, 12) not null default 0 check (held >= 0),
  primary key (organization_id, pocket, meter, period_start)
);

alter table standings enable row level security;
alter table quotas enable row level security;
-- A person sees the plans of his organizations, for the organization switcher.
create policy own on standings for all to tracepipe_web
  using (organization_id = current_organization() or exists (select 1 from members m where m.organization_id = standings.organization_id and m.person_id = current_person()))
  with check (organization_id = current_organization());
create policy own on quotas for all to tracepipe_web using (organization_id = current_organization()) with check (organization_id = current_organization());
create policy everything on standings for all to tracepipe_work using (true) with check (true);
create policy everything on quotas for all to tracepipe_work using (true) with check (true);
grant select, insert, update on standings, quotas to tracepipe_web, tracepipe_work;
