// F3 from the first container of a release to the end of the push.

import { STEPS_OF_ROLLOUT, testCrashes } from '../support/crashed-deploys.js';

testCrashes(STEPS_OF_ROLLOUT, []);
