create table accounts (
  id text primary key,
  email text not null collate nocase unique,
  password_hash text not null,
  is_admin integer not null,
  created_at integer not null
) strict;

create table tokens (
  id text primary key,
  account_id text not null references accounts (id),
  description text not null,
  token_hash blob not null unique,
  created_at integer not null,
  expires_at integer
) strict;

create table sessions (
  secret_hash blob primary key,
  account_id text not null references accounts (id),
  csrf text not null,
  created_at integer not null,
  expires_at integer not null
) strict;

create table apps (
  id text primary key,
  name text not null unique,
  owner_id text not null references accounts (id),
  maintenance integer not null default 0,
  stack text not null,
  buildpacks text not null default '[]',
  health_path text,
  drain_timeout_ms integer not null default 30000,
  created_at integer not null,
  updated_at integer not null,
  -- Set while an app is being taken down: only then may its releases be deleted.
  destroyed_at integer
) strict;

create table collaborators (
  app_id text not null references apps (id) on delete cascade,
  account_id text not null references accounts (id),
  created_at integer not null,
  primary key (app_id, account_id)
) strict;

create table builds (
  id text primary key,
  app_id text not null references apps (id) on delete cascade,
  status text not null check (status in ('queued', 'pending', 'succeeded', 'failed', 'canceled')),
  source_kind text not null check (source_kind in ('git', 'archive', 'image')),
  commit_id text,
  account_id text not null references accounts (id),
  release_id text,
  error text,
  created_at integer not null,
  started_at integer,
  finished_at integer
) strict;
create index builds_by_app on builds (app_id, created_at);

create table releases (
  id text primary key,
  app_id text not null references apps (id) on delete cascade,
  version integer not null,
  description text not null,
  -- Digest of the image; null before the first deploy.
  image text,
  commit_id text,
  build_id text,
  -- JSON object: process type -> command.
  process_types text not null,
  -- Sealed JSON object: the config vars as they were.
  config blob not null,
  stack text not null,
  buildpacks text not null,
  account_id text not null references accounts (id),
  created_at integer not null,
  status text not null check (status in ('pending', 'succeeded', 'failed', 'expired')),
  -- When the status last changed.
  updated_at integer not null,
  -- What the release phase printed; null without one.
  output text,
  unique (app_id, version)
) strict;

-- Releases are append-only: all but the outcome is fixed for ever.
create trigger releases_are_immutable before update of
  id, app_id, version, description, image, commit_id, build_id, process_types, config, stack, buildpacks, account_id, created_at
on releases begin
  select raise(abort, 'releases are append-only');
end;
create trigger releases_are_kept before delete on releases
when (select destroyed_at from apps where id = old.app_id) is null and exists (select 1 from apps where id = old.app_id)
begin
  select raise(abort, 'releases are append-only');
end;

create table formation (
  app_id text not null references apps (id) on delete cascade,
  type text not null,
  quantity integer not null check (quantity between 0 and 100),
  size text not null,
  memory_bytes integer not null,
  primary key (app_id, type)
) strict;

-- What users asked of single dynos: a dyno older than restart_at is replaced; a stopped one stays down until then.
create table dyno_wishes (
  app_id text not null references apps (id) on delete cascade,
  type text not null,
  number integer not null,
  restart_at integer,
  stopped integer not null default 0,
  primary key (app_id, type, number)
) strict;

-- Crashes in a row of one dyno of one release, for the back-off; a new release starts at none.
create table dyno_crashes (
  app_id text not null references apps (id) on delete cascade,
  type text not null,
  number integer not null,
  release_version integer not null,
  count integer not null,
  last_at integer not null,
  reason text not null,
  primary key (app_id, type, number)
) strict;

create table domains (
  id text primary key,
  app_id text not null references apps (id) on delete cascade,
  hostname text not null unique,
  created_at integer not null
) strict;
