import { ApiError } from '../../cli-error.js';
import { defineCommand } from '../../command.js';
import { forgetAccount } from '../../credentials.js';
import { openApi } from '../../session.js';
import { action, warn } from '../../terminal.js';

/** `paas logout`: revokes the token that `paas login` made and forgets it here. */
export const command = defineCommand({
  summary: 'log out: revoke the token and forget it',
  flags: {},
  example: 'paas logout',
  async run(session) {
    const { host, account } = await session.login();
    await action(session.terminal, `Logging out of ${host}`, async () => {
      try {
        if (account?.authorizationId !== undefined) {
          const path = `/oauth/authorizations/${encodeURIComponent(account.authorizationId)}`;
          await openApi(session, host, `Bearer ${account.token}`).request('DELETE', path);
        }
      } catch (error) {
        // Revoked or expired already: what was asked for is true.
        const isGone = error instanceof ApiError && (error.status === 401 || error.status === 404);
        if (!isGone)
          warn(session.terminal, 'The token was not revoked on the server: it could not be reached.');
      } finally {
        await forgetAccount(session.files, host);
      }
    });
  },
});
