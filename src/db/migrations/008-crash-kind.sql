-- What the crash was: how long the next try waits depends on it.
alter table dyno_crashes add column kind text not null default 'crashed';
