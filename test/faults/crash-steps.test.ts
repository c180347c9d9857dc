// F3 from the push to the end of the release phase.

import { STEPS_TO_RELEASE, testCrashes } from '../support/crashed-deploys.js';

testCrashes(STEPS_TO_RELEASE, ['source-unpacked', 'release-written']);
