// The ordered list of an app's buildpacks: reading, replacing, and saying what the next release will use.

import type { ApiClient } from './api-client.js';
import type { ApiBuildpackInstallation } from './api-types.js';
import { CliError, usageError } from './cli-error.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from './command.js';
import { print, printJson, type Terminal } from './terminal.js';

/** The buildpacks in order, by what they were set as. */
export async function getBuildpacks(api: ApiClient, app: string): Promise<string[]> {
  const installed = await api.list<ApiBuildpackInstallation>(`/apps/${app}/buildpack-installations`);
  return installed.toSorted((a, b) => a.ordinal - b.ordinal).map(({ buildpack }) => buildpack.url);
}

/** Replaces the whole list; answers it as the server took it. */
export async function putBuildpacks(
  api: ApiClient,
  app: string,
  buildpacks: readonly string[],
): Promise<string[]> {
  const updates = buildpacks.map((buildpack) => ({ buildpack }));
  const installed = await api.request<ApiBuildpackInstallation[]>(
    'PUT',
    `/apps/${app}/buildpack-installations`,
    {
      json: { updates },
    },
  );
  return installed.map(({ buildpack }) => buildpack.url);
}

/** The list with `buildpack` put at place `index` (1 is the first) or at the end; `replaces` what stood there. */
export function placeBuildpack(
  list: readonly string[],
  change: { buildpack: string; index: number | undefined; replaces: boolean },
): string[] {
  const { buildpack, index, replaces } = change;
  if (list.some((known, i) => known === buildpack && !(replaces && i + 1 === index))) {
    throw new CliError(`The buildpack ${buildpack} is already set on your app.`);
  }
  if (index === undefined || index > list.length) return [...list, buildpack];
  return list.toSpliced(index - 1, replaces ? 1 : 0, buildpack);
}

/** The command `paas buildpacks:NAME BUILDPACK [-i N]`, which puts a buildpack into the list. */
export function placingCommand(options: {
  name: 'add' | 'set';
  summary: string;
  done: 'added' | 'set';
  /** Undefined: the end. */
  defaultIndex: number | undefined;
  replaces: boolean;
}) {
  const { name, summary, done, defaultIndex, replaces } = options;
  return defineCommand({
    summary,
    args: 'BUILDPACK',
    arity: [1, 1],
    flags: {
      ...appFlags,
      ...jsonFlag,
      index: { type: 'string', short: 'i', value: 'N', summary: 'place in the order, from 1' },
    },
    example: `paas buildpacks:${name} nodejs --app example`,
    async run(session, { args: [buildpack = ''], flags }) {
      const index = parseCount('index', flags.index) ?? defaultIndex;
      const app = await session.app(flags);
      const api = await session.api();
      const wanted = placeBuildpack(await getBuildpacks(api, app), { buildpack, index, replaces });
      const list = await putBuildpacks(api, app, wanted);
      if (flags.json) printJson(session.terminal, list);
      else reportBuildpacks(session.terminal, done, { app, list });
    },
  });
}

/** The list without the one at `index`, or without `buildpack`. */
export function withoutBuildpack(
  list: readonly string[],
  which: { buildpack: string | undefined; index: number | undefined },
): string[] {
  const { buildpack, index } = which;
  if ((buildpack === undefined) === (index === undefined))
    throw usageError('Name a buildpack, or its place with --index.');
  const place =
    index === undefined ? list.findIndex((known) => sameBuildpack(known, buildpack ?? '')) : index - 1;
  if (list[place] === undefined) {
    throw new CliError(
      index === undefined
        ? `Buildpack not found: ${buildpack}`
        : `There is no buildpack ${index}: the app has ${list.length}.`,
    );
  }
  return list.toSpliced(place, 1);
}

/** Heroku's report of a change. */
export function reportBuildpacks(
  terminal: Terminal,
  what: 'set' | 'added' | 'removed',
  change: { app: string; list: readonly string[] },
): void {
  const { app, list } = change;
  const [only] = list;
  if (only === undefined) {
    print(terminal, `Buildpack ${what}. Next release on ${app} will detect buildpacks normally.`);
    return;
  }
  if (list.length === 1) print(terminal, `Buildpack ${what}. Next release on ${app} will use ${only}.`);
  else {
    print(terminal, `Buildpack ${what}. Next release on ${app} will use:`);
    list.forEach((buildpack, index) => {
      print(terminal, `  ${index + 1}. ${buildpack}`);
    });
  }
  const these = list.length === 1 ? 'this buildpack' : 'these buildpacks';
  print(terminal, `Run git push paas main to create a new release using ${these}.`);
}

function sameBuildpack(known: string, typed: string): boolean {
  const short = (name: string) => name.replace(/^heroku\//, '');
  return short(known) === short(typed);
}
