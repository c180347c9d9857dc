-- A restart is counted: it does not depend on the clock, which may be set back.

alter table dyno_wishes add column restarts integer not null default 0;
alter table dyno_wishes drop column restart_at;
