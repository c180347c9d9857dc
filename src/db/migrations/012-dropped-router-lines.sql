-- Lines of the access log that HAProxy could not write, of the last day.
create table dropped_router_lines (
  at integer not null,
  lines integer not null
) strict;
