// Constructs the firewall: its settings, how its programs are run, and what it asks the engine.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { text } from 'node:stream/consumers';
import { bridgeName } from '../engine/docker-networks.js';
import type { Engine } from '../engine/engine.js';
import { assertNever } from '../errors.js';
import { type Allowed, parseAllowlist } from '../firewall/allowlist.js';
import {
  createFirewall,
  type Firewall,
  type FirewallMode,
  type FirewallState,
  type RunProgram,
} from '../firewall/firewall.js';
import type { Finding } from '../upkeep/doctor.js';
import type { DaemonOptions } from './wire.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads PAAS_FIREWALL and PAAS_EGRESS_ALLOW. Throws an Error that names the variable when a value is not usable. */
function loadFirewallConfig(env: Environment): { mode: FirewallMode; allow: Allowed[] } {
  const text = env['PAAS_FIREWALL'] || 'on';
  const mode = (['on', 'own', 'off'] as const).find((name) => name === text);
  if (mode === undefined) throw new Error(`PAAS_FIREWALL must be on, own or off, not ${text}`);
  return { mode, allow: parseAllowlist(env['PAAS_EGRESS_ALLOW'] ?? '') };
}

/** The firewall of this daemon. Nothing is done before `run`. */
export function wireFirewall(
  options: Pick<DaemonOptions, 'config' | 'identity' | 'env' | 'log' | 'now'>,
  { engine, network }: { engine: Pick<Engine, 'inspectBridge'>; network: string },
): Firewall {
  const { config, identity, env, log, now } = options;
  return createFirewall({
    ...loadFirewallConfig(env),
    instance: identity.instance,
    hostPorts: [...new Set([80, 443, config.httpPort])],
    async bridges() {
      const [ours, default_] = await Promise.all([
        engine.inspectBridge(network),
        engine.inspectBridge('bridge'),
      ]);
      return {
        own: [ours?.bridge ?? bridgeName(network)],
        defaultBridge: default_ && { name: default_.bridge, strangers: default_.addresses.sort() },
      };
    },
    run: runProgram(env['PATH']),
    readText: (path) => readFile(path, 'utf8').catch(() => ''),
    // It lists what is up and has a carrier.
    isCarrying: (device) => networkInterfaces()[device] !== undefined,
    log: log.child({ part: 'firewall' }),
    now,
  });
}

/** What `paas doctor` says of it. */
export function describeFirewall(state: FirewallState): Finding {
  const check = 'firewall';
  switch (state.kind) {
    case 'on': {
      if (state.lacksEngineRules) {
        return {
          check,
          status: 'warn',
          detail: "the engine's own rules are gone: containers reach nothing outside this server",
          hint: 'Somebody flushed all rules (a restart of nftables does); systemctl restart docker brings them back',
        };
      }
      const mended = state.mendedAt === undefined ? '' : `, mended ${new Date(state.mendedAt).toISOString()}`;
      return { check, status: 'ok', detail: `keeps containers from the host and private networks${mended}` };
    }
    case 'off':
      return { check, status: 'ok', detail: 'left to rules of your own (PAAS_FIREWALL=off)' };
    case 'starting':
      return { check, status: 'warn', detail: 'not looked at yet', hint: 'Ask again in some seconds' };
    case 'failed':
      return { check, status: 'warn', detail: state.reason, hint: state.hint };
    default:
      return assertNever(state);
  }
}

/** The tools wait up to 5 s for each other. */
const PROGRAM_LIMIT_MS = 30_000;

/** Runs programs with this search path and nothing else of the environment; one that does not end is killed. */
export function runProgram(searchPath: string | undefined, limitMs = PROGRAM_LIMIT_MS): RunProgram {
  return async ([program, ...args], input = '') => {
    const child = spawn(program, args, {
      // The system's directories are not in everybody's path.
      env: { PATH: `${searchPath ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' },
      stdio: 'pipe',
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    const ended = new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (_, signal) => {
        if (signal === null) return;
        // What it started may hold its output open.
        child.stdout.destroy();
        child.stderr.destroy();
        reject(new Error(`${program} was ended by ${signal}: it did not end in ${limitMs / 1000} s`));
      });
      child.once('close', (code) => resolve(code ?? 1));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, stdout, stderr };
  };
}
