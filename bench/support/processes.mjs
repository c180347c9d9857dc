// What the kernel tells about processes: memory, CPU time, and which cores they may use.

import { readdirSync, readFileSync } from 'node:fs';
import { run } from './programs.mjs';

const TICKS_PER_SECOND = 100;

/** RSS and PSS in MB. */
export function memoryOf(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)[1]) / 1024;
  return { rssMb: mb('Rss'), pssMb: mb('Pss') };
}

/** User and system CPU time so far, in seconds. */
export function cpuSecondsOf(pid) {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** The same of all its children that have ended, and of theirs. */
export function cpuSecondsOfChildren(pid) {
  const fields = statOf(pid);
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

function statOf(pid) {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
}

/** CPU time of the whole machine so far that was not idle, in seconds. */
export function busySeconds() {
  const [user, nice, system, , , irq, softIrq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .replace(/^cpu +/, '')
    .split(' ')
    .map(Number);
  return (user + nice + system + irq + softIrq) / TICKS_PER_SECOND;
}

/** Ids of the processes whose command line has `text`. */
export function findProcesses(text) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Keeps all threads of a process on these cores (`0`, `0-1`). */
export async function pin(pid, cores) {
  await run('taskset', ['-a', '-c', '-p', cores, String(pid)]);
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
