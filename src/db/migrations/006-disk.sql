-- Free space of the file systems, for the forecast.
create table disk_samples (
  holds text not null,
  at integer not null,
  free_bytes integer not null,
  primary key (holds, at)
) strict, without rowid;
