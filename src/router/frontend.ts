// The rules of the one public listener (pure): what is refused, which headers an app sees, whose request it is, and
// which page answers when no dyno can.

import { join } from 'node:path';
import { ACCESS_LOG_FORMAT } from './access-log.js';
import { IS_ORDINARY, PORT } from './ordinary-requests.js';
import { PLATFORM_KEY, ROUTER_KEY, type RoutedMode } from './router-state.js';
import { HOSTS_MAP, handoverAddress, MODES_MAP, type RouterSettings } from './settings.js';

const VALID_HOST = `'^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\\.?|\\[[0-9a-f:.]{2,45}\\])(:${PORT})?$'`;

/** The lines of the frontend section. */
export function renderFrontend(settings: RouterSettings): string[] {
  const hosts = join(settings.dir, HOSTS_MAP);
  const modes = join(settings.dir, MODES_MAP);
  return [
    '',
    'frontend http from front',
    `  bind ${settings.bindAddress}:${settings.httpPort}`,
    `  bind ${handoverAddress(settings.dir)} accept-proxy`,
    `  log-format "${ACCESS_LOG_FORMAT}"`,
    // Who asks, as text: `lower` has it written once for all requests of a connection.
    '  tcp-request session set-var(sess.client) src,lower',
    // Who is asked for.
    '  http-request set-var(txn.host) req.hdr(host),field(1,:),lower,rtrim(.)',
    `  http-request set-var(txn.app) var(txn.host),map(${hosts})`,
    '  http-request set-var(txn.request_id) uuid()',
    // What can be served and is ordinary needs none of the rules below.
    `  http-request allow if { var(txn.app),map(${modes}) -m str live } ${IS_ORDINARY} !{ stopping }`,
    '  http-request set-log-level silent',
    ...denyRules(),
    ...hostRules(),
    `  http-request set-var(txn.router) str(${ROUTER_KEY}),map(${modes}) unless { var(txn.app) -m found }`,
    ...clientHeaders(),
    returnPage(
      settings.dir,
      503,
      'starting',
      '{ var(txn.router) -m str starting } !{ var(txn.app) -m found }',
      5,
    ),
    returnPage(settings.dir, 404, 'no-such-app', '!{ var(txn.app) -m found }'),
    `  acl is_platform var(txn.app) -m str ${PLATFORM_KEY}`,
    '  http-request set-log-level info if !is_platform !{ stopping }',
    // In which mode it is; what can be served needs none of the rules below. A booting app's request waits, then asks
    // again; a sleeping app's wakes it first.
    `  http-request set-var(txn.mode) var(txn.app),map(${modes},none)`,
    '  http-request allow if { var(txn.mode) -m str live } !{ stopping }',
    '  http-request lua.wait_for_dyno if { var(txn.mode) -m str booting asleep }',
    `  http-request set-var(txn.mode) var(txn.app),map(${modes},none) if { var(txn.mode) -m str booting asleep }`,
    ...modePage(settings.dir, 'blank', 'H81', 'blank'),
    ...modePage(settings.dir, 'no-web-dynos', 'H14', 'application-error'),
    ...modePage(settings.dir, 'crashed', 'H10', 'application-error'),
    ...modePage(settings.dir, 'maintenance', 'H80', 'maintenance'),
    ...modePage(settings.dir, 'booting', 'H20', 'booting', 5),
    ...modePage(settings.dir, 'asleep', 'H20', 'booting', 5),
    '  use_backend handover if { stopping }',
    // An ordinary request to a live app has no mode.
    '  use_backend app-%[var(txn.app)] unless { var(txn.mode) -m found }',
    '  use_backend app-%[var(txn.app)] if { var(txn.mode) -m str live }',
    '  use_backend platform if is_platform',
    '  default_backend none',
  ];
}

/** A rule that answers with the page `file`; a stopped worker leaves that to the newest one. */
export function returnPage(
  dir: string,
  status: number,
  file: string,
  condition: string,
  retryAfterSeconds?: number,
): string {
  const retry = retryAfterSeconds === undefined ? '' : ` hdr Retry-After ${retryAfterSeconds}`;
  const path = join(dir, 'errors', `${file}.html`);
  const asked = condition === '' ? '' : ` if ${condition} !{ stopping }`;
  return `  http-request return status ${status} content-type "text/html; charset=utf-8" file ${path} hdr Cache-Control no-store${retry}${asked}`;
}

/** A host that is in the table is well formed, but for its port and a second final dot. */
function hostRules(): string[] {
  const valid = `{ req.fhdr(host) -m reg -i ${VALID_HOST} }`;
  return [
    `  http-request deny deny_status 400 if !{ var(txn.app) -m found } !${valid}`,
    `  http-request deny deny_status 400 if { req.fhdr(host) -m sub : .. } !${valid}`,
  ];
}

/** What HAProxy lets through by itself, and no app should see. */
function denyRules(): string[] {
  return [
    '  http-request deny deny_status 400 unless { req.fhdr_cnt(host) eq 1 }',
    '  http-request deny deny_status 400 unless { req.ver 1.0 1.1 2.0 }',
    '  http-request deny deny_status 405 if METH_CONNECT || METH_TRACE',
    '  http-request deny deny_status 400 if { req.hdr(upgrade) -m sub -i h2c }',
    '  http-request deny deny_status 400 if { req.hdr(connection) -m sub -i x-forwarded }',
    // NUL and the other control bytes inside a header; HTAB is allowed by RFC 9110, section 5.5.
    "  http-request deny deny_status 400 if { req.hdrs -m reg '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]' }",
  ];
}

/** A request id of the client is kept; what only we may say is deleted. */
function clientHeaders(): string[] {
  return [
    "  http-request set-var(txn.request_id) req.fhdr(x-request-id) if { req.fhdr_cnt(x-request-id) eq 1 } { req.fhdr(x-request-id) -m reg '^[A-Za-z0-9-]{20,200}$' }",
    // In one go, and added by the backends instead of set: each `set-header` would look through all headers once more.
    // For "proxy" see https://httpoxy.org
    "  http-request del-header '^(x-(forwarded-|real-ip$|request-(id|start)$)|forwarded$|proxy$)' -m reg",
    // Many app servers (CGI, WSGI, Rack) take "_" for "-" in a header's name.
    "  http-request del-header '^x[-_](forwarded|real[-_]ip$|request[-_](id|start)$)' -m reg if { req.hdr_names -m sub _ }",
  ];
}

function modePage(
  dir: string,
  mode: RoutedMode,
  code: string,
  file: string,
  retryAfterSeconds?: number,
): string[] {
  const condition = `{ var(txn.mode) -m str ${mode} }`;
  return [
    `  http-request set-var(txn.code) str(${code}) if ${condition}`,
    returnPage(dir, 503, file, condition, retryAfterSeconds),
  ];
}
