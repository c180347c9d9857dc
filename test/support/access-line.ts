// A line of HAProxy's access log, as src/router/config.ts has it written.

const FIELDS = {
  prefix: 'paas2',
  app: 'app-id',
  code: '-',
  end: '--',
  status: '200',
  bytes: '15225',
  TR: '3',
  Tw: '0',
  Tc: '1',
  Ta: '463',
  Tr: '450',
  server: 'web.1-0123456789ab',
  version: 'HTTP/1.1',
  client: '45.134.142.196',
  tls: '0',
  host: 'www.example.com',
  id: '407b828f-ec16-bfef-cff3-25e749e57945',
  method: 'GET',
  path: '/',
};

export type AccessLineFields = Partial<Record<keyof typeof FIELDS, string>>;

/** The line of a GET that a dyno answered, with what is changed. */
export function accessLine(changes: AccessLineFields = {}): string {
  return Object.values({ ...FIELDS, ...changes }).join(' ');
}
