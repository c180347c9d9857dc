import { describe, expect, it } from 'vitest';
import { createFailedStepReader, headingOf, OutputWatch } from '../../../src/build/build-trouble.js';
import { withCaBundle, withoutCaMount } from '../../../src/build/ca-bundle.js';

describe('the output of buildpacks', () => {
  it('tells the last heading, in whatever pieces it comes', () => {
    const watch = new OutputWatch(headingOf);
    expect(watch.step).toBeUndefined();
    for (const text of [
      '-----> Node.js app detec',
      'ted\n       x\n-----> Installing depen',
      'dencies\n  a',
    ]) {
      watch.read(text);
    }
    expect([watch.step, watch.hasNoSpace]).toEqual(['Installing dependencies', false]);
    watch.read('npm error ENOSPC: write\n');
    expect(watch.hasNoSpace).toBe(true);
  });
});

describe('the output of a Dockerfile build', () => {
  it('tells the step that failed, not those beside it', () => {
    const watch = new OutputWatch(createFailedStepReader());
    watch.read('#1 [1/3] FROM x\n#1 DONE\n#2 [2/3] RUN npm ci\n#3 [other 1/1] RUN sleep 9\n#2 some output\n');
    watch.read('#2 ERROR: exit code: 137\n#3 ERROR: canceled\n');
    expect([watch.step, watch.hasNoSpace]).toEqual(['[2/3] RUN npm ci', false]);
  });
});

describe('withoutCaMount', () => {
  it('takes out the mount that was added', () => {
    const dockerfile = withCaBundle('FROM a\nRUN npm ci', 'paas-x1/ca-bundle:0011223344556677');
    const run = dockerfile.split('\n').find((line) => line.startsWith('RUN')) ?? '';
    expect(run).toContain('--mount');
    expect(withoutCaMount(`#5 [2/2] ${run}`)).toBe('#5 [2/2] RUN npm ci');
  });
});
