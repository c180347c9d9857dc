// The disk of a private engine: a file with ext4 in it, mounted. Needs root.

import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';

/** Makes an empty one of so many bytes, of which the file takes what is written, and mounts it. */
export function makeDisk(file: string, mountPoint: string, bytes: number): void {
  writeFileSync(file, '');
  truncateSync(file, bytes);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  mountDisk(file, mountPoint);
}

/** A copy of one that is mounted nowhere. */
export function copyDisk(prepared: string, file: string, mountPoint: string): void {
  execFileSync('cp', ['--sparse=always', prepared, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  mountDisk(file, mountPoint);
}

function mountDisk(file: string, mountPoint: string): void {
  execFileSync('mount', ['-o', 'loop', file, mountPoint], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Unmounts all below the path, the deepest first, and `itself` when it is one. */
export function unmountBelow(path: string, { itself }: { itself: boolean }): void {
  const mounted = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((point) => point.startsWith(`${path}/`) || (itself && point === path))
    .reverse();
  for (const point of mounted) {
    let tries = 0;
    while (spawnSync('umount', [point]).status !== 0 && tries++ < 20) spawnSync('sleep', ['0.05']);
    if (tries > 20) spawnSync('umount', ['-l', point]);
  }
}
