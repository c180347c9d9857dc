import { describe, expect, it } from 'vitest';
import { isImageReference } from '../../../src/build/build.js';
import { formatSlugSize } from '../../../src/build/image.js';
import { resolveProcessTypes } from '../../../src/build/process-types.js';
import { contextIgnore, slugIgnore } from '../../../src/build/slug-ignore.js';

it.each([
  ['nginx', true],
  ['nginx:1.27-alpine', true],
  ['library/nginx', true],
  ['registry.example.com:5000/team/app:v1.2', true],
  [`app@sha256:${'a'.repeat(64)}`, true],
  ['', false],
  ['UPPER', false],
  ['a b', false],
  ['-x', false],
  ['--privileged', false],
  ['a:b:c', false],
  ['a/../b', false],
  ['a\n', false],
  ['http://x/y', false],
  ['a'.repeat(64), false],
  [`sha256:${'a'.repeat(64)}`, false],
  ['a'.repeat(12), false],
])('takes %j for an image reference: %s', (text, is) => {
  expect(isImageReference(text)).toBe(is);
});

it.each([
  [0, '0B'],
  [999, '999B'],
  [10_752, '10.5K'],
  [34_500_000, '32.9M'],
  [500_000_000, '477M'],
  [5_000_000_000, '4.7G'],
])('writes %i bytes as %s', (bytes, text) => {
  expect(formatSlugSize(bytes)).toBe(text);
});

describe('process types', () => {
  const defaults = { web: 'npm start' };
  it.each([
    ['buildpacks', undefined, { web: 'npm start' }],
    ['buildpacks', 'worker: x', { worker: 'x', web: 'npm start' }],
    ['buildpacks', 'web: y', { web: 'y' }],
    ['dockerfile', undefined, { web: '' }],
    ['dockerfile', 'worker: x', { worker: 'x' }],
    ['image', undefined, { web: '' }],
  ] as const)('of %s with Procfile %j', (builtWith, procfile, processTypes) => {
    const bytes = procfile === undefined ? undefined : Buffer.from(procfile);
    const resolved = resolveProcessTypes({ builtWith, procfile: bytes, defaults });
    expect(resolved.processTypes).toEqual(processTypes);
    expect(resolved.output.includes('nothing to route')).toBe(!('web' in processTypes));
  });
});

describe('ignored files', () => {
  it.each([
    ['docs', true],
    ['docs/a.md', true],
    ['src/x.psd', true],
    ['keep.psd', true],
    ['src/index.js', false],
  ])('.slugignore: %s %s', (name, ignored) => {
    expect(slugIgnore('/s', 'docs/\n*.psd\n!keep.psd\n')(`/s/${name}`)).toBe(ignored);
  });

  it.each([
    ['node_modules', true],
    ['a.md', true],
    ['sub/a.md', false],
    ['README.md', false],
    ['Dockerfile', false],
    ['build', false],
    ['build/keep', false],
    ['build/other', true],
  ])('.dockerignore: %s %s', (name, ignored) => {
    const text = 'node_modules\n*.md\n!README.md\nDockerfile\nbuild\n!build/keep\n';
    expect(contextIgnore('/s', text)(`/s/${name}`)).toBe(ignored);
  });
});
