-- What autoscale has learnt of a process type, from its own changes of quantity: it outlives the daemon.
create table scaling_lessons (
  app_id text not null,
  type text not null,
  -- JSON, as src/platform/scaling-lessons.ts has it.
  lessons text not null,
  primary key (app_id, type),
  foreign key (app_id, type) references autoscale (app_id, type) on delete cascade
) strict;
