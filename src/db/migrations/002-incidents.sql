-- What went wrong or was decided without a user, newest kept: what `paas why` explains a state from.
create table incidents (
  id integer primary key autoincrement,
  app_id text not null references apps (id) on delete cascade,
  dyno text,
  release_version integer,
  kind text not null,
  message text not null,
  -- JSON object; null without.
  evidence text,
  at integer not null
) strict;
create index incidents_by_app on incidents (app_id, id);
