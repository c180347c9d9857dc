import { type Signal, signal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { type Client, createClient } from './api/client.js';

/** Who is signed in: `unknown` until the server has answered. */
export type Session = { kind: 'unknown' } | { kind: 'out' } | { kind: 'in'; email: string };

/** A short message at the edge of the page. */
export interface Notice {
  readonly id: number;
  readonly tone: 'good' | 'bad';
  readonly text: string;
  readonly hint?: string | undefined;
}

/** What every page needs. Made once, in main.tsx. */
export interface Platform {
  readonly client: Client;
  readonly session: Signal<Session>;
  readonly path: Signal<string>;
  readonly now: Signal<number>;
  readonly notices: Signal<readonly Notice[]>;
  navigate(path: string): void;
  notify(notice: Omit<Notice, 'id'>): void;
}

const noticeMs = 6000;

/** Makes the platform around the browser's own fetch and history. */
export function createPlatform(browser: Window & typeof globalThis): Platform {
  const session = signal<Session>({ kind: 'unknown' });
  const path = signal(browser.location.pathname);
  const now = signal(Date.now());
  const notices = signal<readonly Notice[]>([]);
  let lastNotice = 0;
  browser.addEventListener('popstate', () => {
    path.value = browser.location.pathname;
  });
  browser.setInterval(() => {
    now.value = Date.now();
  }, 1000);
  return {
    client: createClient({
      fetch: browser.fetch.bind(browser),
      onSignedOut: () => {
        session.value = { kind: 'out' };
      },
    }),
    session,
    path,
    now,
    notices,
    navigate: (to) => {
      if (to !== path.value) browser.history.pushState(null, '', to);
      path.value = to;
      browser.scrollTo(0, 0);
    },
    notify: (notice) => {
      lastNotice += 1;
      const id = lastNotice;
      notices.value = [...notices.value.slice(-3), { ...notice, id }];
      browser.setTimeout(() => {
        notices.value = notices.value.filter((other) => other.id !== id);
      }, noticeMs);
    },
  };
}

/** Carries the platform down the tree. */
export const PlatformContext = createContext<Platform | undefined>(undefined);

/** The platform; throws outside of the tree of main.tsx. */
export function usePlatform(): Platform {
  const platform = useContext(PlatformContext);
  if (!platform) throw new Error('No platform around this component.');
  return platform;
}
