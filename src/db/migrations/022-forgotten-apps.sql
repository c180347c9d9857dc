-- Destroyed apps whose kept log lines are still to be deleted.
create table forgotten_apps (
  app_id text primary key,
  destroyed_at integer not null
) strict;
