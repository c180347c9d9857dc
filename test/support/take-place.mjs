// Takes the place of a daemon when told to, says whether it got it, and keeps it until its input ends.
// Arguments: the directory of the socket and the pid file.

import { once } from 'node:events';
import { join } from 'node:path';
import { takeSocket } from '../../dist/daemon/process-lock.js';

const [directory] = process.argv.slice(2);
process.stdout.write('ready\n');
await once(process.stdin, 'data');
const paths = { socketPath: join(directory, 'place.sock'), pidPath: join(directory, 'place.pid') };
const outcome = await takeSocket(paths).then(
  () => 'taken',
  (error) => `refused: ${error.message}`,
);
process.stdout.write(`${outcome}\n`);
await once(process.stdin.resume(), 'end');
