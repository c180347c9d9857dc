-- Containers of dynos that came up: the next daemon takes them as they are, and checks those that are not here.
create table passed_dynos (
  container_id text primary key,
  app_id text not null references apps (id) on delete cascade
) strict;

-- Nothing was kept of containers that are older than this table: they count as passed.
create table passed_dynos_since (at integer not null) strict;
insert into passed_dynos_since (at) values (unixepoch() * 1000);
