import { expect, it } from 'vitest';
import { withCaBundle } from '../../../src/build/ca-bundle.js';

const MOUNT = '--mount=type=bind,from=ca:1,source=/etc/paas,target=/etc/paas';

function rewrite(dockerfile: string): string {
  return withCaBundle(dockerfile, 'ca:1').replaceAll(/ARG SSL_CERT_FILE=.*/g, 'ARG …');
}

it.each<[string, string, string]>([
  [
    'stages and steps',
    'FROM a AS b\nRUN x\nfrom b\nrun y',
    `FROM a AS b\nARG …\nRUN ${MOUNT} x\nfrom b\nARG …\nrun ${MOUNT} y`,
  ],
  ['arguments before the first stage', 'ARG V=1\nFROM a:$V', 'ARG V=1\nFROM a:$V\nARG …'],
  [
    'continued lines',
    'FROM \\\n a\nRUN x && \\\n  # why\n\n RUN y\nCMD z',
    `FROM \\\n a\nARG …\nRUN ${MOUNT} x && \\\n  # why\n\n RUN y\nCMD z`,
  ],
  [
    'mounts of its own',
    'FROM a\nRUN --mount=type=cache,target=/c x',
    `FROM a\nARG …\nRUN ${MOUNT} --mount=type=cache,target=/c x`,
  ],
  ['the exec form', 'FROM a\nRUN ["x", "y"]', `FROM a\nARG …\nRUN ${MOUNT} ["x", "y"]`],
  [
    'here-documents',
    'FROM a\nRUN <<EOF\nRUN no\nFROM no\nEOF\nRUN y',
    `FROM a\nARG …\nRUN ${MOUNT} <<EOF\nRUN no\nFROM no\nEOF\nRUN ${MOUNT} y`,
  ],
  [
    'another escape sign',
    '# escape=`\nFROM a\nRUN x `\nRUN y',
    `# escape=\`\nFROM a\nARG …\nRUN ${MOUNT} x \`\nRUN y`,
  ],
  [
    'comments and look-alikes',
    '# RUN x\nFROM a\nLABEL RUN=1\nRUNNER',
    '# RUN x\nFROM a\nARG …\nLABEL RUN=1\nRUNNER',
  ],
  ['Windows line ends', 'FROM a\r\nRUN x \\\r\n y\r\n', `FROM a\r\nARG …\nRUN ${MOUNT} x \\\r\n y\r\n`],
])('rewrites %s', (_what, dockerfile, expected) => {
  expect(rewrite(dockerfile)).toBe(expected);
});
