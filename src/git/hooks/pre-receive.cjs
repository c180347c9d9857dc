// The pre-receive hook: hands the pushed refs to the daemon, prints what it answers, ends with its exit code.
// Plain CommonJS without dependencies, because each push waits for it to start.
'use strict';

const { readFileSync } = require('node:fs');
const { createConnection } = require('node:net');

const OBJECT_VARIABLES = ['GIT_OBJECT_DIRECTORY', 'GIT_ALTERNATE_OBJECT_DIRECTORIES', 'GIT_QUARANTINE_PATH'];

const updates = readFileSync(0, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => {
    const [oldId, newId, ...ref] = line.split(' ');
    return { oldId, newId, ref: ref.join(' ') };
  });
const objectEnv = {};
for (const name of OBJECT_VARIABLES) if (process.env[name]) objectEnv[name] = process.env[name];

let exitCode;
let rest = '';
const socket = createConnection(process.env.PAAS_HOOK_SOCKET);
socket.setEncoding('utf8');
socket.write(`${JSON.stringify({ pushId: process.env.PAAS_PUSH_ID, updates, objectEnv })}\n`);
socket.on('data', (chunk) => {
  rest += chunk;
  const lines = rest.split('\n');
  rest = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (typeof message.text === 'string' && !process.stdout.write(message.text)) {
      socket.pause();
      process.stdout.once('drain', () => socket.resume());
    }
    if (typeof message.exit === 'number') exitCode = message.exit;
  }
});
socket.on('error', () => undefined);
socket.on('close', () => {
  if (exitCode === undefined)
    process.stdout.write(
      ' !     The platform broke off. What was building is built again when it is back: paas builds\n',
    );
  process.exitCode = exitCode ?? 1;
});
process.stdout.on('error', () => {
  socket.destroy();
  process.exitCode = 1;
});
