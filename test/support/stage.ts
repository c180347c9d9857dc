// Two apps under load on an engine of their own: the background of every fault.

import { findPid, type ListedContainer, listContainers } from './engine-view.js';
import { eventually } from './house.js';
import { atRest, type History, newHistory } from './invariants.js';
import { startLedger } from './ledger.js';
import { accountLines, breachesOf, countNotices, startTail, type Tail } from './log-accounting.js';
import { type Paas, type PaasOptions, type Repository, startPaas } from './paas.js';
import { openPrivateEngine, type PrivateEngine, type PrivateEngineOptions } from './private-engine.js';
import {
  FAULT_LOAD,
  startTraffic,
  type Traffic,
  type TrafficOptions,
  type TrafficReport,
} from './traffic.js';

export const APPS = ['ant', 'bee'] as const;
/** An app without dynos, whose config vars somebody changes during each load. */
const LEDGER = 'ledger';

export interface Stage extends AsyncDisposable {
  readonly engine: PrivateEngine;
  readonly paas: Paas;
  /** The source of the first app; the second is a copy at its first commit. */
  readonly repository: Repository;
  readonly history: History;
  /** The apps' process ids by dyno, such as `ant web.1`. */
  dynoPids(): Promise<Record<string, string>>;
  containers(...filters: string[]): Promise<string[]>;
  /** Load on the apps and changes of a third; whoever waits for rest afterwards checks that no answered one is lost. */
  startTraffic(load?: Omit<TrafficOptions, 'address' | 'port' | 'hosts'>): Promise<Traffic>;
  /** One of each app, each with a line already. */
  startTails(): Promise<Tail[]>;
  /** Waits until the invariants hold. */
  atRest(deadlineMs?: number): Promise<void>;
}

/** Starts the product with the apps `ant` and `bee` (fixture `steady`), one web dyno and one logger each. */
export async function openStage(
  options: {
    settings?: Readonly<Record<string, string>>;
    engine?: PrivateEngineOptions;
    paas?: (engine: PrivateEngine) => Promise<PaasOptions> | PaasOptions;
    ticks?: number;
  } = {},
): Promise<Stage> {
  const engine = await openPrivateEngine(options.engine);
  let paas: Paas | undefined;
  const dispose = async () => {
    await paas?.[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  };
  try {
    paas = await startPaas(options.settings, { engine, ...(await options.paas?.(engine)) });
    const product = paas;
    const history = newHistory();
    const answered = new Map<string, string>();
    history.answered.set(LEDGER, answered);
    const repository = await deployApps(product, options.ticks ?? 100);
    const running = async (...labels: string[]) => {
      const wanted = labels.map((label) => label.split('='));
      return (await listContainers(product)).filter(
        (each) => isThere(each) && wanted.every(([name = '', value]) => each.labels[name] === value),
      );
    };
    const containers = async (...labels: string[]) => (await running(...labels)).map(({ id }) => id);
    const stage: Stage = {
      engine,
      paas,
      repository,
      history,
      containers,
      async dynoPids() {
        const dynos = await running('paas.role=dyno');
        const told = dynos.map(async ({ id, labels }): Promise<[string, string] | undefined> => {
          const pid = await findPid(product, id);
          const dyno = `${labels['paas.app-name']} ${labels['paas.type']}.${labels['paas.number']}`;
          return pid === undefined ? undefined : [dyno, String(pid)];
        });
        return Object.fromEntries((await Promise.all(told)).filter((each) => each !== undefined).sort());
      },
      async startTraffic(load = FAULT_LOAD) {
        const traffic = await startTraffic({
          address: product.address,
          port: product.httpPort,
          hosts: APPS.map((app) => `${app}.localhost`),
          ...load,
        });
        const ledger = startLedger(product.owner, LEDGER, answered);
        const stop = async () => {
          await ledger.stop();
          return await traffic.stop();
        };
        return {
          ...traffic,
          stop,
          async [Symbol.asyncDispose]() {
            await ledger.stop();
            await traffic[Symbol.asyncDispose]();
          },
        };
      },
      startTails: () => Promise.all(APPS.map((app) => startTail(product.owner, app))),
      async atRest(deadlineMs) {
        await atRest(product, history, deadlineMs);
        const strays = await eventually('no process without a container', async () => {
          const found = await engine.strays();
          return found.length === 0 && found;
        }).catch(() => engine.strays());
        if (strays.length > 0) throw new Error(`these run, and no container is it: ${strays}`);
      },
      [Symbol.asyncDispose]: dispose,
    };
    await stage.atRest(60_000);
    return stage;
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** As `docker ps` without `-a` sees it. */
function isThere({ state }: ListedContainer): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

/** What went wrong for the clients, in words; empty when nothing did. */
export function lossesOf(report: TrafficReport): string[] {
  return [
    ...report.failures.map(
      ({ at, host, client, reason }) => `${new Date(at).toISOString()} ${host} ${client}: ${reason}`,
    ),
    ...(report.failed > report.failures.length ? [`and ${report.failed - report.failures.length} more`] : []),
    ...report.sockets.cuts.map(
      ({ host, afterMs, reason }) => `WebSocket to ${host} after ${afterMs} ms: ${reason}`,
    ),
    ...report.streams.cuts.map(
      ({ host, afterMs, reason }) => `stream of ${host} after ${afterMs} ms: ${reason}`,
    ),
  ];
}

/** Waits for more lines in each tail, then tells what of the accounting does not hold; empty when it does. */
export async function lostLines(tails: readonly Tail[]): Promise<string[]> {
  const found: string[] = [];
  for (const tail of tails) {
    await tail.more(50);
    found.push(...breachesOf(accountLines(tail.lines)));
    const { dropped, unknownGaps } = countNotices(tail.lines);
    if (dropped + unknownGaps > 0)
      found.push(`${dropped} lines told as dropped, ${unknownGaps} gaps of unknown size`);
  }
  return found;
}

async function deployApps(paas: Paas, ticks: number): Promise<Repository> {
  await succeed(paas.owner.cli(['create', LEDGER, '--no-remote']));
  const deploy = async (app: string) => {
    await succeed(paas.owner.cli(['create', app, '--no-remote']));
    await succeed(paas.owner.cli(['config:set', `TICKS=${ticks}`, '-a', app]));
    const repository = await paas.owner.repository(app, { fixture: 'steady' });
    await succeed(repository.push());
    await succeed(paas.owner.cli(['ps:scale', 'logger=1', '-a', app]));
    await paas.answers(app, 'word=');
    return repository;
  };
  const [first] = await Promise.all(APPS.map(deploy));
  if (first === undefined) throw new Error('there are no apps');
  return first;
}

async function succeed(running: Promise<{ code: number | null; all: string }>): Promise<void> {
  const { code, all } = await running;
  if (code !== 0) throw new Error(all);
}
