// A program for the durability test: sets one config var after the other and says so once each is stored.
// Arguments: path of the database, key as hex, id of the app.

import { writeSync } from 'node:fs';
import { openDatabase } from '../../src/db/database.js';
import type { AppId } from '../../src/ids.js';
import { getAccount } from '../../src/platform/accounts.js';
import { getApp } from '../../src/platform/apps.js';
import { changeConfig } from '../../src/platform/config-vars.js';

const [path = '', key = '', appId = ''] = process.argv.slice(2);
const db = openDatabase({ path, key: Buffer.from(key, 'hex'), now: Date.now });
// The test passes the id of an app that it made.
const app = getApp(db, appId as AppId);
const by = app && getAccount(db, app.ownerId);
if (app === undefined || by === undefined) throw new Error('no such app');
for (let n = 0; ; n++) {
  const release = changeConfig(db, { app, by, updates: { COUNTER: `${process.pid}-${n}` } });
  writeSync(1, `v${release?.version} ${process.pid}-${n}\n`);
}
