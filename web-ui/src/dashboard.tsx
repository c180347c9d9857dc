import { useEffect } from 'preact/hooks';
import { ApiError } from './api/client.js';
import { asApiError } from './live/use-live.js';
import { AppPage } from './pages/app-page.js';
import { AppsPage } from './pages/apps-page.js';
import { MissingPage } from './pages/missing-page.js';
import { SignInPage } from './pages/sign-in-page.js';
import { Button } from './parts/button.js';
import { Link } from './parts/link.js';
import { Notices } from './parts/notices.js';
import { ThemeToggle } from './parts/theme-toggle.js';
import { usePlatform } from './platform.js';
import { parseRoute } from './routes.js';

/** The whole dashboard: asks who is signed in, then shows the sign-in form or the page of the path. */
export function Dashboard() {
  const platform = usePlatform();
  useEffect(() => askSession(platform), [platform]);
  const session = platform.session.value;
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      {session.kind === 'in' && <Masthead email={session.email} />}
      {session.kind === 'unknown' && <p class="boot">Connecting to the platform…</p>}
      {session.kind === 'out' && <SignInPage />}
      {session.kind === 'in' && <CurrentPage />}
      <Notices />
    </>
  );
}

function CurrentPage() {
  const platform = usePlatform();
  const route = parseRoute(platform.path.value);
  if (route.page === 'apps') return <AppsPage />;
  if (route.page === 'app')
    return <AppPage key={route.app} name={route.app} view={{ kind: 'tab', tab: route.tab }} />;
  if (route.page === 'build') {
    return <AppPage key={route.app} name={route.app} view={{ kind: 'build', id: route.build }} />;
  }
  if (route.page === 'dyno') {
    return <AppPage key={route.app} name={route.app} view={{ kind: 'dyno', name: route.dyno }} />;
  }
  return <MissingPage />;
}

function Masthead({ email }: { email: string }) {
  const platform = usePlatform();
  const signOut = async () => {
    try {
      await platform.client.signOut();
      platform.session.value = { kind: 'out' };
    } catch (error) {
      // The cookie is good still: whoever opens this page next would be signed in.
      const { message, hint } = asApiError(error);
      platform.notify({ tone: 'bad', text: `You are still signed in: ${message}`, hint });
    }
  };
  return (
    <header class="masthead">
      <Link to="/" class="wordmark" aria-label="paas, all apps">
        <img src="/assets/favicon.svg" width="22" height="22" alt="" />
        paas
      </Link>
      <div class="masthead-end">
        <span class="who" data-testid="signed-in-as">
          {email}
        </span>
        <ThemeToggle />
        <Button look="quiet" onClick={signOut}>
          Sign out
        </Button>
      </div>
    </header>
  );
}

/** Asks until the server has said yes or no; a restart of the platform is no reason to show the sign-in form. */
function askSession(platform: ReturnType<typeof usePlatform>): () => void {
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = async () => {
    try {
      const { email } = await platform.client.currentSession(end.signal);
      platform.session.value = { kind: 'in', email };
    } catch (error) {
      if (end.signal.aborted) return;
      if (error instanceof ApiError && error.isUnreachable) timer = setTimeout(() => void ask(), 1500);
      else platform.session.value = { kind: 'out' };
    }
  };
  void ask();
  return () => {
    end.abort();
    clearTimeout(timer);
  };
}
