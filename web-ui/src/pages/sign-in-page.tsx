import { useState } from 'preact/hooks';
import { useAction } from '../live/use-action.js';
import { Button } from '../parts/button.js';
import { Problem } from '../parts/problem.js';
import { ThemeToggle } from '../parts/theme-toggle.js';
import { usePlatform } from '../platform.js';

/** Email and password in, session out. The page that was asked for comes up after it. */
export function SignInPage() {
  const { client, session } = usePlatform();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useAction(async () => {
    const signedIn = await client.signIn(email.trim(), password);
    session.value = { kind: 'in', email: signedIn.email };
  });
  return (
    <main id="main" class="sign-in">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void signIn.run();
        }}
      >
        <p class="wordmark">
          <img src="/assets/favicon.svg" width="28" height="28" alt="" />
          paas
        </p>
        <h1>Sign in</h1>
        <label>
          Email
          <input
            type="email"
            autocomplete="username"
            required
            value={email}
            onInput={(e) => setEmail(e.currentTarget.value)}
          />
        </label>
        <label>
          Password
          <input
            type="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(e) => setPassword(e.currentTarget.value)}
          />
        </label>
        <Problem error={signIn.error} />
        <Button type="submit" look="main" isBusy={signIn.isBusy}>
          {signIn.isBusy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
      <ThemeToggle />
    </main>
  );
}
