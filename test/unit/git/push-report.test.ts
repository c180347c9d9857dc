// The answer to a push without git, byte by byte: docs of git say what its client reads.

import { expect, test } from 'vitest';
import { packetLine, refusalReport, takesReport } from '../../../src/git/push-report.js';

const ID = 'a'.repeat(40);
const updates = [{ oldId: ID, newId: ID, ref: 'refs/heads/main' }];

test('a reason for people, and one for each ref', () => {
  const report = refusalReport(
    { updates, capabilities: [] },
    { text: ' !     Too late – sorry.\n', reason: 'late' },
  );
  expect(report).toBe(
    [
      '0020\u0002 !     Too late – sorry.\n',
      '0033\u0001',
      ...['000eunpack ok\n', '001cng refs/heads/main late\n', '0000'],
      '0000',
    ].join(''),
  );
});

test('a length counts bytes', () => {
  expect(packetLine('')).toBe('0004');
  expect(packetLine('–')).toBe('0007–');
});

test.each([
  [['report-status', 'side-band-64k'], true],
  [['report-status-v2', 'side-band-64k', 'atomic'], true],
  [['report-status'], false],
  [['side-band-64k'], false],
  [['report-statuses', 'side-band'], false],
] as const)('%j: %s', (capabilities, expected) => {
  expect(takesReport({ updates, capabilities })).toBe(expected);
});
