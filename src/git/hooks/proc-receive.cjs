// The proc-receive hook: reports each branch that the daemon has moved as done, and leaves others to git, in the packet
// lines of githooks(5).
// Plain CommonJS without dependencies, because the push waits for it to start.
'use strict';

const { spawnSync } = require('node:child_process');

const FLUSH = '0000';
const packet = (text) => (Buffer.byteLength(text) + 4).toString(16).padStart(4, '0') + text;

let rest = Buffer.alloc(0);
let hasVersion = false;
let commands = [];

process.stdin.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk]);
  for (;;) {
    if (rest.length < 4) return;
    const length = Number.parseInt(rest.toString('latin1', 0, 4), 16);
    if (rest.length < Math.max(length, 4)) return;
    const text = rest.toString('utf8', 4, Math.max(length, 4));
    rest = rest.subarray(Math.max(length, 4));
    if (length === 0) flush();
    else if (hasVersion) commands.push(text.trim().split(' '));
  }
});

function flush() {
  if (!hasVersion) {
    hasVersion = true;
    process.stdout.write(packet('version=1') + FLUSH);
    return;
  }
  const reports = commands.map(([oldId, , ref]) => {
    const { stdout } = spawnSync('git', ['rev-parse', '--verify', '--quiet', ref]);
    // It may have moved on already, with the next push.
    const hasMoved = (String(stdout).trim() || '0'.repeat(oldId.length)) !== oldId;
    return packet(`ok ${ref}`) + (hasMoved ? '' : packet('option fall-through'));
  });
  process.stdout.write(reports.join('') + FLUSH);
  commands = [];
}
