import { describe, expect, it } from 'vitest';
import type { AppId } from '../../../src/ids.js';
import { listIncidents, recordIncident } from '../../../src/platform/incidents.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

describe('incidents', () => {
  it('are listed newest first, by dyno and by release', () => {
    using test = openTestDatabase();
    const { app } = addApp(test.db);
    const crash = { appId: app.id, kind: 'crashed', releaseVersion: 2, message: 'crashed' } as const;
    recordIncident(test.db, { ...crash, dyno: 'web.1', evidence: { exitCode: 1, lines: ['a', 'b'] } });
    test.advance(1000);
    recordIncident(test.db, { ...crash, dyno: 'web.2', releaseVersion: 3 });

    const [newest, oldest] = listIncidents(test.db, app.id);
    expect(newest).toMatchObject({ dyno: 'web.2', evidence: {}, at: test.db.now() });
    expect(oldest).toMatchObject({ dyno: 'web.1', evidence: { exitCode: 1, lines: ['a', 'b'] } });
    expect(listIncidents(test.db, app.id, { dyno: 'web.1' })).toEqual([oldest]);
    expect(listIncidents(test.db, app.id, { releaseVersion: 3 })).toEqual([newest]);
  });

  it('are the newest 200 of an app, whatever others have', () => {
    using test = openTestDatabase();
    const { app: loud } = addApp(test.db, 'loud');
    const { app: quiet } = addApp(test.db, 'quiet');
    recordIncident(test.db, { appId: quiet.id, kind: 'woke', message: 'kept' });
    for (let i = 1; i <= 250; i++) {
      recordIncident(test.db, { appId: loud.id, kind: 'crashed', message: `crash ${i}` });
    }

    const messages = listIncidents(test.db, loud.id).map((incident) => incident.message);
    expect([messages.length, messages[0], messages.at(-1)]).toEqual([200, 'crash 250', 'crash 51']);
    expect(listIncidents(test.db, quiet.id)).toHaveLength(1);
  });

  it('of an app that is gone are not kept', () => {
    using test = openTestDatabase();
    const appId = 'gone' as unknown as AppId;
    recordIncident(test.db, { appId, kind: 'crashed', message: 'late' });
    expect(listIncidents(test.db, appId)).toEqual([]);
  });
});
