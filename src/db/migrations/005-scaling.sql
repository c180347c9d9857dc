-- Web processes that stop while nobody asks for them.
create table autosleep (
  app_id text primary key references apps (id) on delete cascade,
  after_ms integer not null check (after_ms > 0),
  -- When it was switched on or changed.
  updated_at integer not null,
  -- Set while the app sleeps: its web dynos are not wanted, whatever the formation says.
  asleep_since integer
) strict;

-- Process types whose quantity the platform chooses.
create table autoscale (
  app_id text not null references apps (id) on delete cascade,
  type text not null,
  min integer not null,
  max integer not null,
  metric text not null check (metric in ('p95', 'cpu', 'rps')),
  -- ms, percent of one core a dyno, or requests a second a dyno.
  target real not null check (target > 0),
  updated_at integer not null,
  primary key (app_id, type),
  check (1 <= min and min <= max and max <= 100)
) strict;
