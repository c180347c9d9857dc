-- Checks that users set for a process type; what is not here comes from the release's app.json, or is the default.
create table checks (
  app_id text not null references apps (id) on delete cascade,
  process_type text not null,
  phase text not null check (phase in ('startup', 'liveness')),
  -- JSON: the settings of one check.
  settings text not null,
  updated_at integer not null,
  primary key (app_id, process_type, phase)
) strict;

-- What app.json declared, per build: every release of the build has it.
create table build_checks (
  build_id text primary key,
  app_id text not null references apps (id) on delete cascade,
  -- JSON object: process type -> list of checks.
  checks text not null
) strict;
create index build_checks_by_app on build_checks (app_id);
