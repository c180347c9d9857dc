// The pages that the router itself answers with. They say what a visitor and what an owner can do, and name
// neither the app, nor a version, nor what runs behind.

/** A page's file name (under `errors/`) and content. `.http` files are whole responses, as HAProxy's `errorfile` wants. */
export interface ErrorPage {
  readonly file: string;
  readonly content: string;
}

/** All pages, rendered. */
export function renderErrorPages(): ErrorPage[] {
  const applicationError = html(
    'Application error',
    'An error occurred in the application and your page could not be served.',
    'If you are the application owner, check your logs for details: <code>paas logs --tail</code>',
  );
  // Whatever else came with such a request is not looked at.
  const closing = ['Connection: close'];
  return [
    page(
      'no-such-app',
      "There's nothing here, yet.",
      'No app answers at this address.',
      'Check the address. If it is your domain: <code>paas domains</code>',
    ),
    page('starting', 'Just a moment', 'The platform is starting.', 'Try again in a few seconds.'),
    page(
      'blank',
      'Welcome to your new app!',
      'No code was deployed to this app yet.',
      'If you are the owner: <code>git push paas main</code>',
    ),
    page(
      'maintenance',
      'Offline for maintenance',
      'This application is undergoing maintenance right now.',
      'Please check back later.',
    ),
    page(
      'booting',
      'The application is starting',
      'It did not start in time to answer.',
      'Try again in a few seconds.',
    ),
    { file: 'application-error.html', content: applicationError },
    whole(
      '400',
      '400 Bad request',
      html('Bad request', 'Your request could not be understood.', ''),
      closing,
    ),
    whole(
      '405',
      '405 Method Not Allowed',
      html('Method not allowed', 'This method is not allowed.', ''),
      closing,
    ),
    whole(
      '408',
      '408 Request Time-out',
      html('Request time-out', 'Your request did not arrive in time.', ''),
    ),
    whole('application-error', '503 Service Unavailable', applicationError),
    {
      file: 'platform.http',
      content: response(
        '503 Service Unavailable',
        'application/json',
        ['Retry-After: 5'],
        '{"id":"service_unavailable","message":"The platform is restarting. Try again in a few seconds."}',
      ),
    },
  ];
}

function page(name: string, title: string, text: string, advice: string): ErrorPage {
  return { file: `${name}.html`, content: html(title, text, advice) };
}

function whole(name: string, status: string, body: string, headers: readonly string[] = []): ErrorPage {
  return { file: `${name}.http`, content: response(status, 'text/html; charset=utf-8', headers, body) };
}

function response(status: string, type: string, headers: readonly string[], body: string): string {
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${type}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    ...headers,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function html(title: string, text: string, advice: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>
body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif;
  color: #24292f; background: #f6f8fa; }
main { max-width: 34rem; padding: 2rem; text-align: center; }
h1 { font-weight: 500; }
code { background: #e7ebf0; padding: .1em .4em; border-radius: .3em; }
@media (prefers-color-scheme: dark) { body { color: #e6edf3; background: #0d1117; } code { background: #21262d; } }
</style>
</head>
<body><main><h1>${title}</h1><p>${text}</p>${advice === '' ? '' : `<p>${advice}</p>`}</main></body>
</html>
`;
}
