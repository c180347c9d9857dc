// Reads the JSON list of published versions on stdin and prints the one that a range of engines.node means:
// the newest of the default release line when the range allows that line, else the newest of all.
// usage: resolve-node.cjs RANGE DEFAULT_RANGE
const { readFileSync } = require('node:fs');
const semver = require('semver');

const [range, defaultRange] = process.argv.slice(2);
const versions = JSON.parse(readFileSync(0, 'utf8'));
const wanted = /^(lts(\/\*)?|latest|current|node|stable)$/i.test(range.trim()) ? defaultRange : range;
const matching = versions.filter((version) => semver.satisfies(version, wanted));
const best = semver.maxSatisfying(matching, defaultRange) ?? semver.rsort(matching)[0];
if (best === undefined) process.exitCode = 1;
else console.log(best);
