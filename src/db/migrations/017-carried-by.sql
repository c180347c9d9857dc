-- Version of the newer release that had the change of config vars of this one, which failed with what it was built on;
-- null: none had, or the change was made again.
alter table releases add column carried_by integer;
create index releases_by_carrier on releases (app_id, carried_by) where carried_by is not null;
