-- Who a person is at another provider. The pair (issuer, subject) is the identity; an e-mail address never is.
create table external_identities (
  issuer text not null,
  subject text not null,
  id uuid not null unique,
  person_id uuid not null references people (id) on delete cascade,
  provider text not null,
  email text,
  linked_at timestamptz not null,
  last_used_at timestamptz,
  primary key (issuer, subject)
);
create index external_identities_by_person on external_identities (person_id);

-- Somebody came from a provider that does not vouch for his address; he becomes a person when he opens the mailed link in the same browser.
create table external_registrations (
  id uuid primary key,
  issuer text not null,
  subject text not null,
  provider text not null,
  name text not null check (length(name) between 1 and 100),
  email text not null,
  normalized_email text not null,
  token_hash bytea not null unique,
  browser_hash bytea not null,
  expires_at timestamptz not null
);
create index external_registrations_by_email on external_registrations (normalized_email);
create index external_registrations_by_expiry on external_registrations (expires_at);

-- The state of a sign-in that has come back. It is good for one return, on any node.
create table used_sign_in_states (
  state_hash bytea primary key,
  expires_at timestamptz not null
);
create index used_sign_in_states_by_expiry on used_sign_in_states (expires_at);

-- Which session came from which provider, with what the provider wants to see again at log-out (encrypted).
create table external_sessions (
  session_id uuid primary key references signed_in_devices (id) on delete cascade,
  provider text not null,
  id_token text not null
);

-- Every sign-in with a provider and every refusal, also of people who have no account.
create table external_sign_ins (
  id uuid primary key,
  at timestamptz not null,
  provider text not null,
  outcome text not null,
  person_id uuid,
  address text not null,
  reference text not null
);
create index external_sign_ins_by_time on external_sign_ins (at);

grant select, insert, update, delete on external_identities, external_registrations to tracepipe_work;
grant select, insert, delete on used_sign_in_states, external_sessions, external_sign_ins to tracepipe_work;
