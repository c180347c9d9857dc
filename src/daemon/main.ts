#!/usr/bin/env node
// The main of paasd. Exit code 0 after SIGTERM or SIGINT, 1 when it cannot start or go on.

import { runPaasd } from './run-paasd.js';

await runPaasd();
