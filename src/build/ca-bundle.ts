// Extra certificate authorities for builds behind a TLS-inspecting proxy. Pure. docs/decisions/0012-ca-bundle-in-builds.md

/** Where the bundle is in a build. */
export const CA_BUNDLE_PATH = '/etc/paas/ca-bundle.crt';
/** apt has no variable for a bundle, but one for a configuration file. */
export const APT_CONFIG_PATH = '/etc/paas/apt.conf';
export const APT_CONFIG = `Acquire::https::CaInfo "${CA_BUNDLE_PATH}";\n`;

/** The variables by which the usual tools find a bundle. */
export const CA_BUNDLE_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'PIP_CERT', 'REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE'],
    ...['GIT_SSL_CAINFO', 'CARGO_HTTP_CAINFO', 'NPM_CONFIG_CAFILE', 'AWS_CA_BUNDLE', 'BUNDLE_SSL_CA_CERT'],
  ].map((name) => [name, CA_BUNDLE_PATH]),
);

/**
 * The Dockerfile with the bundle at hand in each RUN: mounted from `image` for that step only, and named by build
 * arguments, so that neither the file nor a variable of it is in the resulting image. FROM lines stay as they are.
 */
export function withCaBundle(dockerfile: string, image: string): string {
  const values = { ...CA_BUNDLE_ENV, APT_CONFIG: APT_CONFIG_PATH };
  const args = Object.entries(values).map(([name, value]) => `${name}=${value}`);
  const mount = `--mount=type=bind,from=${image},source=/etc/paas,target=/etc/paas`;
  return splitInstructions(dockerfile)
    .map((lines) => {
      const text = lines.join('\n');
      if (/^\s*FROM\s/i.test(text)) return `${text}\nARG ${args.join(' ')}`;
      return text.replace(/^(\s*RUN)(?=\s)/i, `$1 ${mount}`);
    })
    .join('\n');
}

/** Text of a build without the mount that `withCaBundle` added: its author knows nothing of it. */
export function withoutCaMount(text: string): string {
  return text.replace(
    /--mount=type=bind,from=[^\s,]*\/ca-bundle:[^\s,]*,source=\/etc\/paas,target=\/etc\/paas /g,
    '',
  );
}

/** The lines of each instruction with its continuations and here-documents; comments and empty lines by themselves. */
function splitInstructions(dockerfile: string): string[][] {
  const escapeSign = /^\s*#\s*escape\s*=\s*`/im.test(dockerfile) ? '`' : '\\';
  const groups: string[][] = [];
  let isOpen = false;
  let heredocs: string[] = [];
  for (const line of dockerfile.split('\n')) {
    if (isOpen || heredocs.length > 0) groups.at(-1)?.push(line);
    else groups.push([line]);
    if (heredocs.length > 0) {
      if (line.trim() === heredocs[0]) heredocs = heredocs.slice(1);
      continue;
    }
    // Comments and empty lines may stand between the lines of one instruction.
    if (/^\s*(#|$)/.test(line)) continue;
    isOpen = line.trimEnd().endsWith(escapeSign);
    heredocs = heredocsOf(line);
  }
  return groups;
}

function heredocsOf(line: string): string[] {
  if (!/^\s*(RUN|COPY|ADD)\s/i.test(line)) return [];
  return [...line.matchAll(/<<-?["']?([A-Za-z_]\w*)["']?/g)].map((match) => match[1] ?? '');
}
