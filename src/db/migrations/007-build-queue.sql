-- What it takes to build again after the daemon has died. The queue is the builds that have not ended, in their order.
alter table builds add column source text;
alter table builds add column description text;
-- How often it was begun.
alter table builds add column attempts integer not null default 0;
-- JSON list: what built it; before that, what the app asks for.
alter table builds add column buildpacks text not null default '[]';
create index unfinished_builds on builds (status) where status in ('queued', 'pending');
