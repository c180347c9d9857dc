// The settings of the daemon and the log collector: the only reader of process.env. docs/operations.md lists them.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Config {
  readonly dataDir: string;
  /** Domain under which every app has a name of its own. */
  readonly domain: string;
  /** Host of the API, git and the dashboard, without port. */
  readonly platformHost: string;
  readonly bindAddress: string;
  readonly httpPort: number;
  readonly apiPort: number;
  readonly dockerSocket: string;
  readonly subnet: string;
  readonly haproxyPath: string;
  readonly buildCaBundle: string | undefined;
  readonly buildTimeoutMs: number;
  readonly buildMemoryBytes: number;
  readonly buildConcurrency: number;
  readonly maxSourceBytes: number;
  /** Whether sources with a Dockerfile are built. */
  readonly buildsDockerfiles: boolean;
  readonly stackBuildImage: string;
  readonly stackRunImage: string;
  readonly buildpacksDir: string;
  readonly webUiDir: string;
  readonly bootTimeoutMs: number;
  readonly crashCoolOffMs: number;
  /** Processes and threads that a dyno, a one-off or a release phase may have at once. */
  readonly dynoPids: number;
  readonly stopGraceMs: number;
  readonly releaseTimeoutMs: number;
  /** 0: releases are not rolled back automatically. */
  readonly rollbackWindowMs: number;
  readonly logRetentionBytes: number;
  readonly logRetentionDays: number;
  readonly logLevel: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** One app must not take all that the host has. */
const MAX_DYNO_PIDS = 1024;
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);
const PROJECT = fileURLToPath(new URL('../../', import.meta.url));

/** Reads the settings. Throws an Error that names the variable when a value is not usable. */
export function loadConfig(env: Environment): Config {
  const domain = readDomain(env, 'PAAS_DOMAIN', 'localhost');
  const dataDir = env['PAAS_DATA_DIR'] ?? '/var/lib/paas';
  if (!isAbsolute(dataDir)) throw new Error(`PAAS_DATA_DIR must be an absolute path, not ${dataDir}`);
  return {
    dataDir,
    domain,
    platformHost: readDomain(
      env,
      'PAAS_PLATFORM_HOST',
      domain === 'localhost' ? 'localhost' : `paas.${domain}`,
    ),
    bindAddress: env['PAAS_BIND_ADDRESS'] ?? '0.0.0.0',
    httpPort: readPort(env, 'PAAS_HTTP_PORT', 8080),
    apiPort: readPort(env, 'PAAS_API_PORT', 7070),
    dockerSocket: env['PAAS_DOCKER_SOCKET'] ?? '/var/run/docker.sock',
    subnet: env['PAAS_SUBNET'] ?? '10.213.0.0/16',
    haproxyPath: env['PAAS_HAPROXY'] ?? '/usr/sbin/haproxy',
    buildCaBundle: env['PAAS_BUILD_CA_BUNDLE'] || undefined,
    buildTimeoutMs: readSeconds(env, 'PAAS_BUILD_TIMEOUT_SECONDS', 900),
    buildMemoryBytes: readBytes(env, 'PAAS_BUILD_MEMORY', '2g'),
    buildConcurrency: readInteger(env, 'PAAS_BUILD_CONCURRENCY', 2),
    maxSourceBytes: readBytes(env, 'PAAS_MAX_SOURCE_BYTES', '1g'),
    buildsDockerfiles: readSwitch(env, 'PAAS_DOCKERFILE_BUILDS'),
    stackBuildImage: env['PAAS_STACK_BUILD_IMAGE'] ?? 'paas-stack-build:13',
    stackRunImage: env['PAAS_STACK_RUN_IMAGE'] ?? 'paas-stack-run:13',
    buildpacksDir: env['PAAS_BUILDPACKS_DIR'] ?? join(PROJECT, 'buildpacks'),
    webUiDir: env['PAAS_WEB_UI_DIR'] ?? join(PROJECT, 'web-ui/dist'),
    bootTimeoutMs: readSeconds(env, 'PAAS_BOOT_TIMEOUT_SECONDS', 60),
    crashCoolOffMs: readSeconds(env, 'PAAS_CRASH_COOL_OFF_SECONDS', 1200),
    // Heroku's limit (devcenter "release phase"): one hour.
    releaseTimeoutMs: readSeconds(env, 'PAAS_RELEASE_TIMEOUT_SECONDS', 3600),
    dynoPids: readInteger(env, 'PAAS_DYNO_PIDS', 256, MAX_DYNO_PIDS),
    rollbackWindowMs:
      env['PAAS_ROLLBACK_WINDOW_SECONDS'] === '0' ? 0 : readSeconds(env, 'PAAS_ROLLBACK_WINDOW_SECONDS', 120),
    stopGraceMs: readSeconds(env, 'PAAS_STOP_GRACE_SECONDS', 30),
    logRetentionBytes: readBytes(env, 'PAAS_LOG_RETENTION_BYTES', '100m'),
    logRetentionDays: readInteger(env, 'PAAS_LOG_RETENTION_DAYS', 7),
    logLevel: env['PAAS_LOG_LEVEL'] ?? 'info',
  };
}

/** The address of the platform as users type it, without a final slash. */
export function platformUrl(config: Pick<Config, 'platformHost' | 'httpPort'>): string {
  return `http://${config.platformHost}${portSuffix(config)}`;
}

/** The address of an app, without a final slash. */
export function appUrl(config: Pick<Config, 'domain' | 'httpPort'>, appName: string): string {
  return `http://${appName}.${config.domain}${portSuffix(config)}`;
}

/** Folders and files of the data directory. */
export interface DataPaths {
  readonly database: string;
  readonly logDatabase: string;
  readonly repositories: string;
  readonly builds: string;
  readonly uploads: string;
  readonly haproxy: string;
  readonly accessLog: string;
  readonly collectorSocket: string;
  /** Files that the daemon and the log collector append what they say to. */
  readonly ownLogs: string;
  readonly daemonPid: string;
  readonly daemonSocket: string;
  readonly temporary: string;
  readonly backups: string;
  readonly ballast: string;
}

/** Makes the folders (mode 0700) where they are missing, and names what is in them. */
export function prepareDataDir(dataDir: string): DataPaths {
  for (const folder of ['', 'repositories', 'builds', 'uploads', 'haproxy', 'run', 'tmp', 'log', 'backups']) {
    mkdirSync(join(dataDir, folder), { recursive: true, mode: 0o700 });
  }
  return {
    database: join(dataDir, 'paas.sqlite'),
    logDatabase: join(dataDir, 'logs.sqlite'),
    repositories: join(dataDir, 'repositories'),
    builds: join(dataDir, 'builds'),
    uploads: join(dataDir, 'uploads'),
    haproxy: join(dataDir, 'haproxy'),
    accessLog: join(dataDir, 'run/access-log.pipe'),
    collectorSocket: join(dataDir, 'run/collector.sock'),
    ownLogs: join(dataDir, 'log'),
    daemonPid: join(dataDir, 'run/paasd.pid'),
    daemonSocket: join(dataDir, 'run/paasd.sock'),
    temporary: join(dataDir, 'tmp'),
    backups: join(dataDir, 'backups'),
    ballast: join(dataDir, 'ballast'),
  };
}

/**
 * The secret key and the instance id of this install, made at first use. Throws when one is missing although there is
 * a database: a new key could not read it, and a new id would not find its containers.
 */
export function readIdentity(
  dataDir: string,
  random: { bytes: (size: number) => Buffer },
): { key: Buffer; instance: string } {
  const keyPath = join(dataDir, 'secret.key');
  const idPath = join(dataDir, 'instance-id');
  const hasDatabase = existsSync(join(dataDir, 'paas.sqlite'));
  for (const path of [keyPath, idPath]) {
    if (hasDatabase && !existsSync(path)) {
      throw new Error(`${path} is missing, and ${dataDir} has a database: restore that file from a backup`);
    }
  }
  if (!existsSync(keyPath)) writeFileSync(keyPath, random.bytes(32), { mode: 0o600, flag: 'wx' });
  if (!existsSync(idPath))
    writeFileSync(idPath, random.bytes(6).toString('hex'), { mode: 0o600, flag: 'wx' });
  chmodSync(keyPath, 0o600);
  const key = readFileSync(keyPath);
  const instance = readFileSync(idPath, 'utf8').trim();
  if (key.length !== 32) throw new Error(`${keyPath} must hold 32 bytes, it has ${key.length}`);
  if (!/^[a-z0-9-]{4,40}$/.test(instance)) throw new Error(`${idPath} does not hold an instance id`);
  return { key, instance };
}

function portSuffix({ httpPort }: { httpPort: number }): string {
  return httpPort === 80 ? '' : `:${httpPort}`;
}

/** A whole number above 0. */
export function readInteger(
  env: Environment,
  name: string,
  fallback: number,
  most: number = Number.POSITIVE_INFINITY,
): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${name} must be a whole number above 0, not ${text}`);
  if (Number(text) > most) throw new Error(`${name} must be at most ${most}, not ${text}`);
  return Number(text);
}

/** The ms of a whole number of seconds above 0. Timers end at once when they are set to more than 2^31 ms. */
export function readSeconds(env: Environment, name: string, fallback: number): number {
  return readInteger(env, name, fallback, MAX_SECONDS) * 1000;
}

/** `on` (also when it is not set) or `off`. */
function readSwitch(env: Environment, name: string): boolean {
  const text = env[name] || 'on';
  if (text !== 'on' && text !== 'off') throw new Error(`${name} must be on or off, not ${text}`);
  return text === 'on';
}

function readPort(env: Environment, name: string, fallback: number): number {
  const port = readInteger(env, name, fallback);
  if (port > 65_535) throw new Error(`${name} must be a port number, not ${port}`);
  return port;
}

/** A size such as `512m`. */
export function readBytes(env: Environment, name: string, fallback: string): number {
  const match = /^([1-9]\d{0,8})([kmg]?)$/i.exec(env[name] || fallback);
  if (match === null) throw new Error(`${name} must be a size such as 512m or 2g, not ${env[name]}`);
  const factor = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * factor;
}

function readDomain(env: Environment, name: string, fallback: string): string {
  const domain = env[name] || fallback;
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(domain)) {
    throw new Error(`${name} must be a host name in lower case, not ${domain}`);
  }
  return domain;
}
