-- How each release did after it was made: what automatic rollback decides from, once.
create table release_watches (
  release_id text primary key references releases (id) on delete cascade,
  app_id text not null references apps (id) on delete cascade,
  version integer not null,
  -- When the loop first saw it as the current one.
  began_at integer,
  -- When all wanted dynos of it were up for the first time: only such a release can be gone back to.
  live_at integer,
  -- The release before it at that moment, as JSON: requests, errors, process types that were crashing.
  before text,
  -- Requests that its dynos answered in the window, and those answered with 5xx.
  requests integer not null default 0,
  errors integer not null default 0,
  -- null: being watched. exempt: made by a rollback. off: automatic rollback was off.
  outcome text check (outcome in ('passed', 'rolled-back', 'no-target', 'exempt', 'off')),
  -- Why it was rolled back, or would have been.
  reason text,
  -- The version that an automatic rollback made it take the place of.
  undoes integer
) strict;
create unique index release_watches_by_app on release_watches (app_id, version);

-- What differs from the settings of the install, per app; null: as the install.
create table dyno_settings (
  app_id text primary key references apps (id) on delete cascade,
  -- 0: no automatic rollback.
  rollback_window_ms integer,
  stop_grace_ms integer,
  cycling integer not null default 0
) strict;

-- So that a crash is counted once, however often its clean-up is tried.
alter table dyno_crashes add column container_id text;
