// Collaborators: accounts besides the owner that may see and change an app.

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { AccountId } from '../ids.js';
import { type Account, findAccountByEmail } from './accounts.js';
import type { App } from './apps.js';

export interface Collaborator {
  readonly accountId: AccountId;
  readonly email: string;
  readonly role: 'owner' | 'collaborator';
  /** Epoch ms. */
  readonly createdAt: number;
}

const MAX_COLLABORATORS = 100;

/** The owner first, then the others by e-mail. */
export function listCollaborators(db: Database, app: App): Collaborator[] {
  const rows = db.sql
    .prepare(
      `select collaborators.account_id as accountId, accounts.email, 'collaborator' as role, collaborators.created_at as createdAt
       from collaborators join accounts on accounts.id = collaborators.account_id
       where collaborators.app_id = ? order by accounts.email`,
    )
    .all(app.id) as Collaborator[];
  return [
    { accountId: app.ownerId, email: app.ownerEmail, role: 'owner', createdAt: app.createdAt },
    ...rows,
  ];
}

/** Lets another account in. Throws `invalid_params` for an unknown e-mail, `conflict` when it is in already. */
export function addCollaborator(db: Database, options: { app: App; email: string }): Collaborator {
  const { app } = options;
  return db.write((announce) => {
    const account = findAccountByEmail(db, options.email);
    if (account === undefined) {
      throw new PaasError(
        'invalid_params',
        `There is no account ${quoteValue(options.email)} on this platform.`,
      );
    }
    const present = listCollaborators(db, app);
    if (present.some((collaborator) => collaborator.accountId === account.id)) {
      throw new PaasError('conflict', `${account.email} has access to ${app.name} already.`);
    }
    if (present.length > MAX_COLLABORATORS) {
      throw new PaasError('invalid_params', `An app has at most ${MAX_COLLABORATORS} collaborators.`);
    }
    const createdAt = db.now();
    db.sql
      .prepare('insert into collaborators (app_id, account_id, created_at) values (?, ?, ?)')
      .run(app.id, account.id, createdAt);
    announce({ kind: 'app-changed', appId: app.id });
    return { accountId: account.id, email: account.email, role: 'collaborator', createdAt };
  });
}

/** Takes access away, by e-mail or account id. Throws `not_found`, and `invalid_params` for the owner. */
export function removeCollaborator(db: Database, options: { app: App; user: string }): Collaborator {
  const { app, user } = options;
  return db.write((announce) => {
    const found = listCollaborators(db, app).find(
      ({ accountId, email }) => accountId === user || email.toLowerCase() === user.toLowerCase(),
    );
    if (found === undefined) {
      throw new PaasError('not_found', `${quoteValue(user)} is no collaborator on ${app.name}.`, {
        hint: `See them with: paas access -a ${app.name}`,
      });
    }
    if (found.role === 'owner') {
      throw new PaasError('invalid_params', `${found.email} owns ${app.name} and cannot be removed.`);
    }
    db.sql
      .prepare('delete from collaborators where app_id = ? and account_id = ?')
      .run(app.id, found.accountId);
    announce({ kind: 'app-changed', appId: app.id });
    return found;
  });
}

/** Throws `forbidden` unless the account owns the app (or is an admin). */
export function requireOwner(app: App, account: Account): void {
  if (account.isAdmin || account.id === app.ownerId) return;
  throw new PaasError('forbidden', `Only the owner of ${app.name} can do this.`, {
    hint: `The owner is ${app.ownerEmail}.`,
  });
}
