// Answers every connection on the ports that are named, and DNS questions (all names are at ADDRESS) on UDP port 53.
// node canaries.mjs ADDRESS NAME-SERVER PORT...

import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [address, nameServer, ...ports] = process.argv.slice(2);
for (const port of ports) {
  createServer((socket) => socket.on('error', () => undefined).end('canary\n')).listen(
    Number(port),
    '0.0.0.0',
  );
}

const resolver = createSocket('udp4');
resolver.on('message', (question, from) => {
  const isA = question.includes(Buffer.from([0, 1, 0, 1]));
  // The question without what follows it (EDNS), marked as an answer that has one record of address A or none.
  let end = 12;
  while (question[end] !== 0) end += question[end] + 1;
  const head = Buffer.from(question.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isA ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)];
  resolver.send(isA ? Buffer.concat([head, Buffer.from(record)]) : head, from.port, from.address);
});
// Bound to its own address: an answer from another one would be nobody's.
resolver.bind(53, nameServer, () => process.stdout.write('ready\n'));
