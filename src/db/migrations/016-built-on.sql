-- Version of the release whose code a release took while its release command had not ended; null: taken from none such.
alter table releases add column built_on integer;
create trigger release_origins_are_immutable before update of built_on on releases begin
  select raise(abort, 'releases are append-only');
end;
