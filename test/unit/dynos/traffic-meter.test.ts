import { describe, expect, it } from 'vitest';
import { createTrafficMeter } from '../../../src/dynos/traffic-meter.js';
import { parseTraffic } from '../../../src/router/server-traffic.js';

const MINUTE = 60_000;

describe('traffic of releases', () => {
  const count = (server: string, requests: number, errors: number) => ({
    appId: 'a',
    server,
    requests,
    errors,
  });
  const versionOf = ({ server }: { server: string }) => (server.startsWith('old') ? 1 : 2);

  it('sums what servers of a release answered, also those that are gone', () => {
    const meter = createTrafficMeter();
    meter.take([count('old.1', 100, 1), count('old.2', 10, 0)], versionOf, 0);
    meter.take([count('old.1', 150, 3), count('new.1', 5, 5)], versionOf, 1000);
    meter.take([count('new.1', 9, 6)], () => undefined, 2000);
    expect(meter.of('a', 1)).toEqual({ requests: 160, errors: 3 });
    expect(meter.of('a', 2)).toEqual({ requests: 9, errors: 6 });
    expect(meter.of('b', 1)).toEqual({ requests: 0, errors: 0 });
  });

  it('goes on when a new worker of HAProxy counts from zero', () => {
    const meter = createTrafficMeter();
    meter.take([count('old.1', 100, 1)], versionOf, 0);
    meter.take([count('old.1', 7, 1)], versionOf, 1000);
    expect(meter.of('a', 1)).toEqual({ requests: 107, errors: 2 });
  });

  it('forgets what is 20 minutes old', () => {
    const meter = createTrafficMeter();
    meter.take([count('old.1', 100, 50)], versionOf, 0);
    meter.take([count('old.1', 110, 50)], versionOf, 10 * MINUTE);
    expect(meter.of('a', 1)).toEqual({ requests: 110, errors: 50 });
    meter.take([count('old.1', 115, 50)], versionOf, 20 * MINUTE);
    expect(meter.of('a', 1)).toEqual({ requests: 15, errors: 0 });
  });

  it('waits with a server whose release is not known yet', () => {
    const meter = createTrafficMeter();
    meter.take([count('new.1', 3, 0)], () => undefined, 0);
    meter.take([count('new.1', 4, 0)], versionOf, 1000);
    expect(meter.of('a', 2)).toEqual({ requests: 4, errors: 0 });
  });
});

describe('the counts of HAProxy', () => {
  it('are read by column name; what the server did not answer is an error', () => {
    const reply = [
      '# pxname,svname,eresp,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,',
      'platform,paasd,0,0,9,0,0,0,0,',
      'app-1b,web.1-0123456789ab,2,7,10,1,3,4,0,',
      '',
    ].join('\n');
    expect(parseTraffic(reply)).toEqual([
      { appId: '1b', server: 'web.1-0123456789ab', requests: 20, errors: 6 },
    ]);
    expect(parseTraffic('')).toEqual([]);
  });
});
