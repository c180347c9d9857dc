#!/usr/bin/env bash
# Makes the stack's images: paas-stack-base:13, paas-stack-run:13 and paas-stack-build:13 (Debian 13).
# Safe to run again: an image is only made when it is absent or its sources changed. --force makes them all anew,
# which also brings in Debian's security updates.
set -euo pipefail

readonly suite=trixie version=13
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
force=
case ${1-} in
  '') ;;
  --force) force=yes ;;
  *) echo "usage: stack/build-images.sh [--force]" >&2; exit 64 ;;
esac

say() { printf '%s\n' "-----> $*"; }
fail() { printf '%s\n' " !     $1" >&2; shift; for line in "$@"; do printf '%s\n' " !     $line" >&2; done; exit 1; }
label_of() { docker image inspect --format '{{index .Config.Labels "paas.stack.sources"}}' "$1" 2>/dev/null || true; }
id_of() { docker image inspect --format '{{.Id}}' "$1" 2>/dev/null || true; }

command -v docker >/dev/null || fail "The docker command is missing." "Install it: apt-get install docker.io (or docker-ce-cli)"
docker version --format '{{.Server.Version}}' >/dev/null 2>&1 ||
  fail "The Docker engine does not answer." "Start it (systemctl start docker) and check that you may use it."

make_base() {
  local base=paas-stack-base:$version
  if [ -z "$force" ] && [ -n "$(id_of "$base")" ]; then
    return
  fi
  say "Base image: Debian $version ($suite)"
  if timeout --foreground 20 docker pull --quiet "debian:$suite-slim" >/dev/null 2>&1; then
    docker tag "debian:$suite-slim" "$base"
    echo "       From the image registry"
    return
  fi
  echo "       No image registry answers: making it from Debian's packages (under a minute)"
  if ! command -v mmdebstrap >/dev/null; then
    [ "$(id -u)" -eq 0 ] || fail "mmdebstrap is missing." "Install it as root: apt-get install mmdebstrap"
    echo "       Installing mmdebstrap"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap; } >/dev/null ||
      fail "mmdebstrap could not be installed." "Is Debian's package server reachable from here?"
  fi
  local work
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf -- '$work'" EXIT
  if ! mmdebstrap --quiet --variant=minbase "$suite" "$work/base.tar" 2>"$work/errors"; then
    tail -n 5 "$work/errors" | sed 's/^/       /' >&2
    fail "The base system could not be made." "Is Debian's package server reachable from here?"
  fi
  docker import "$work/base.tar" "$base" >/dev/null
}

# make_image run|build BASE: builds stack/<name> unless the present image was made from the same sources and base.
make_image() {
  local image=paas-stack-$1:$version sources before began=$SECONDS
  sources=$({ id_of "$2"; cd "$here/$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c1-32)
  if [ -z "$force" ] && [ "$(label_of "$image")" = "$sources" ]; then
    say "$image is up to date"
    return
  fi
  say "Building $image (a few minutes the first time)"
  before=$(id_of "$image")
  # The classic builder: it needs no plugin and sees the images of the engine.
  local no_cache=()
  [ -z "$force" ] || no_cache=(--no-cache)
  DOCKER_BUILDKIT=0 docker build --rm --force-rm "${no_cache[@]}" --label "paas.stack.sources=$sources" --tag "$image" "$here/$1" 2>&1 |
    sed -u -n -e 's/^Step /       Step /p' -e 's/^\(E: .*\|.*returned a non-zero code.*\|[Ee]rror.*\)/       \1/p' | cut -c1-110 ||
    fail "$image could not be built." "See the lines above; containers must reach Debian's package server."
  # The image that it takes the place of goes, unless something still uses it.
  if [ -n "$before" ] && [ "$before" != "$(id_of "$image")" ]; then docker image rm "$before" >/dev/null 2>&1 || true; fi
  echo "       Done in $((SECONDS - began)) s, $(docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
}

make_base
make_image run "paas-stack-base:$version"
make_image build "paas-stack-run:$version"
