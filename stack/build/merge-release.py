#!/usr/bin/python3
"""Merges the YAML that each buildpack's bin/release printed into the JSON that the platform reads.

usage: merge-release.py OUTPUT VENDOR [NAME FILE]...   (in the order the buildpacks ran; a later one wins)
VENDOR is the digest of what they vendored, or empty.
"""

import json
import sys

import yaml


def process_types(name, path):
    try:
        with open(path, encoding="utf-8") as file:
            release = yaml.safe_load(file) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        sys.exit(f" !     bin/release of {name} did not print valid YAML: {str(error).splitlines()[0]}")
    if not isinstance(release, dict):
        sys.exit(f" !     bin/release of {name} did not print a YAML mapping")
    types = release.get("default_process_types") or {}
    if not isinstance(types, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in types.items()):
        sys.exit(f" !     bin/release of {name}: default_process_types must map names to commands")
    return types


def main():
    output, vendor, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    merged = {}
    for name, path in pairs:
        merged.update(process_types(name, path))
    with open(output, "w", encoding="utf-8") as file:
        json.dump(
            {"buildpacks": [name for name, _ in pairs], "default_process_types": merged, "vendor": vendor or None},
            file,
        )


main()
