import { describe, expect, it } from 'vitest';
import { createAddresses, divideSubnet } from '../../../src/dynos/addresses.js';
import { crashDelayMs } from '../../../src/dynos/crash-backoff.js';
import { commandFor } from '../../../src/dynos/environment.js';
import { createTranscript } from '../../../src/dynos/transcript.js';

describe('crashDelayMs', () => {
  it('is none first, then doubles to 16 times the cool-off', () => {
    const minutes = [0, 1, 2, 3, 4, 5, 6, 7, 50].map(
      (crashes) => crashDelayMs(crashes, 20 * 60_000) / 60_000,
    );
    expect(minutes).toEqual([0, 0, 20, 40, 80, 160, 320, 320, 320]);
  });
});

describe('addresses', () => {
  it('gives each free address of the lower half once before it gives one again', () => {
    const addresses = createAddresses('10.9.0.0/26');
    const given = Array.from({ length: 22 }, () => addresses.take(new Set()));
    expect(new Set(given).size).toBe(22);
    expect(given[0]).toBe('10.9.0.10');
    expect(given.at(-1)).toBe('10.9.0.31');
    expect(() => addresses.take(new Set())).toThrow('in use');
    addresses.settle('10.9.0.20');
    expect(addresses.take(new Set())).toBe('10.9.0.20');
  });

  it('skips what the engine reports as used', () => {
    expect(createAddresses('10.9.0.0/16').take(new Set(['10.9.0.10', '10.9.0.11']))).toBe('10.9.0.12');
  });

  it('leaves the upper half to the engine', () => {
    expect(divideSubnet('10.213.0.0/16')).toEqual({ gateway: '10.213.0.1', engineRange: '10.213.128.0/17' });
  });

  it.each(['10.0.0.0', '10.0.0.0/30', '300.0.0.0/16', 'x', '10.0.0.0/16; id'])('refuses %s', (subnet) => {
    expect(() => createAddresses(subnet)).toThrow('not an IPv4 subnet');
  });
});

describe('commandFor', () => {
  const stack = { labels: { 'paas.stack.sources': 'x' } };
  it.each([
    ['npm start', stack, ['/usr/local/bin/paas-launch', 'npm start']],
    ['npm start', { labels: {} }, ['/bin/sh', '-c', 'npm start']],
    [['echo', "it's", '$HOME'], stack, ['/usr/local/bin/paas-launch', "'echo' 'it'\\''s' '$HOME'"]],
    [['echo', '$HOME'], { labels: {} }, ['echo', '$HOME']],
    ['', stack, undefined],
  ] as const)('%j', (command, image, entrypoint) => {
    expect(commandFor(command, image).entrypoint).toEqual(entrypoint);
  });
});

describe('transcript', () => {
  it('gives every reader all of it from the start, and cuts off at its limit', async () => {
    const transcript = createTranscript(10);
    transcript.write('12345');
    const early = readAll(transcript.read(new AbortController().signal));
    transcript.write('67890');
    transcript.write('too much');
    transcript.write('more');
    transcript.end();
    const text = '1234567890\n[output cut off after 10 bytes]\n';
    expect((await early).join('')).toBe(text);
    expect((await readAll(transcript.read(new AbortController().signal))).join('')).toBe(text);
    expect(transcript.text()).toBe(text);
  });
});

async function readAll(parts: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const part of parts) all.push(part);
  return all;
}
