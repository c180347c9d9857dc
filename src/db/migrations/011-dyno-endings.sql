-- Containers that are being stopped: a daemon that starts meanwhile goes on where the one before it was.
create table dyno_endings (
  container_id text primary key,
  app_id text not null references apps (id) on delete cascade,
  why text not null,
  -- When it got its last request, and when it got SIGTERM: ms since the server started, which nobody can set.
  drained_from integer,
  terminated_at integer
) strict;
