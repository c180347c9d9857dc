# shellcheck shell=bash disable=SC2034,SC2154
# What the platform needs on the machine: packages, Node, a Docker engine, our own build. Sourced after progress.sh.
# Installs only what is missing, and never replaces what works. The caller sets `project`.

readonly min_node_minor=20019 # 20.19

have() { command -v "$1" >/dev/null 2>&1; }
has_systemd() { [ -d /run/systemd/system ]; }

check_os() {
  local id='' id_like=''
  if [ -r /etc/os-release ]; then
    id=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')
    id_like=$(sed -n 's/^ID_LIKE=//p' /etc/os-release | tr -d '"')
  fi
  case " $id $id_like " in
    *' debian '* | *' ubuntu '*) ;;
    *) fail "This is ${id:-an unknown system}; the installer knows Debian and Ubuntu." \
      "Install docker, haproxy, git and Node 20.19 by hand and see docs/operations.md, or use Debian 12 or newer." ;;
  esac
  have apt-get || fail "apt-get is missing." "The installer needs Debian's package tools."
}

# check_root PROGRAM
check_root() {
  [ "$(id -u)" -eq 0 ] || fail "This must run as root." "Type: sudo ./$1"
}

apt_updated=
# install_packages PACKAGE...: one apt-get for all.
install_packages() {
  local advice="Is Debian's package server reachable from here? Try: apt-get update && apt-get install $*"
  if [ -z "$apt_updated" ]; then
    run_logged 300 "$advice" apt-get update -q -o DPkg::Lock::Timeout=120
    apt_updated=yes
  fi
  run_logged 1200 "$advice" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
    apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# need_commands COMMAND:PACKAGE...: installs the packages of the commands that are missing.
need_commands() {
  local pair missing=()
  for pair in "$@"; do
    have "${pair%%:*}" || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  note "Installing ${missing[*]}"
  install_packages "${missing[@]}"
  hash -r
}

# node_number: 20.19.2 -> 20019, so that versions compare as numbers.
node_number() { awk -F. '{ sub(/^v/, "", $1); printf "%d", $1 * 1000 + $2 }'; }

need_node() {
  local candidate
  if have node; then
    if [ "$(node --version | node_number)" -ge "$min_node_minor" ]; then
      have npm || install_packages npm
      return
    fi
    fail "Node $(node --version) is too old: 20.19 or newer is needed." \
      "Install a current one (https://nodejs.org/en/download) and run this again."
  fi
  try_logged 300 apt-get update -q -o DPkg::Lock::Timeout=120 && apt_updated=yes
  candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9].*\)/\1/p' | sed 's/^[0-9]*://')
  if [ -z "$candidate" ] || [ "$(node_number <<<"$candidate")" -lt "$min_node_minor" ]; then
    fail "Node 20.19 or newer is needed; this system's package is ${candidate:-absent}." \
      "Install it (https://nodejs.org/en/download) and run this again. Debian 13 has it as a package."
  fi
  note "Installing nodejs $candidate"
  install_packages nodejs npm
  hash -r
}

# How the engine is reached; the socket may be another than Docker's default.
engine_answers() {
  have docker && timeout 10 docker -H "unix://${docker_socket:-/var/run/docker.sock}" version --format '{{.Server.Version}}' >/dev/null 2>&1
}

# need_engine: a Docker engine that answers. One that works is left alone; one that is stopped is started.
# Sets `engine_pid` when it was started here without a service manager.
engine_pid=
need_engine() {
  local socket=${docker_socket:-/var/run/docker.sock} installed=
  if engine_answers; then return; fi
  [ "$socket" = /var/run/docker.sock ] || fail "No Docker engine answers on $socket." "Start it, or unset PAAS_DOCKER_SOCKET."
  if ! have dockerd || ! have docker; then
    note "Installing the Docker engine (docker.io)"
    install_packages docker.io iptables ca-certificates
    hash -r
    installed=yes
  fi
  # With live-restore the apps go on running while the engine is restarted or upgraded. Nobody else builds on this engine,
  # so its build cache is bounded, too.
  if [ -n "$installed" ] && [ ! -e /etc/docker/daemon.json ]; then
    mkdir -p /etc/docker
    cat >/etc/docker/daemon.json <<'JSON'
{
  "live-restore": true,
  "builder": { "gc": { "enabled": true, "defaultKeepStorage": "10GB" } }
}
JSON
    if has_systemd; then systemctl restart docker >>"$log_file" 2>&1 || true; fi
  fi
  start_engine
}

start_engine() {
  local waited
  note "Starting the Docker engine"
  if has_systemd; then
    run_logged 90 "See: journalctl -u docker" systemctl enable --now docker
  elif ! engine_answers; then
    mkdir -p /var/log
    setsid dockerd >>/var/log/dockerd.log 2>&1 </dev/null 9>&- &
    engine_pid=$!
    disown "$engine_pid"
  fi
  for ((waited = 0; waited < 120; waited++)); do
    if engine_answers; then return; fi
    if [ -n "$engine_pid" ] && ! kill -0 "$engine_pid" 2>/dev/null; then break; fi
    sleep 0.5
  done
  [ -z "$engine_pid" ] || log_tail /var/log/dockerd.log
  fail "The Docker engine does not answer." "See /var/log/dockerd.log or journalctl -u docker; this machine must be able to run containers."
}

# need_modules: npm's packages as in package-lock.json, again only when that file changed.
need_modules() {
  if have_modules; then return; fi
  note "Installing npm packages"
  if ! npm_ci || ! addon_loads; then
    need_commands g++:build-essential make:build-essential python3:python3
    note "Compiling native modules"
    npm_ci || { log_tail "$log_file"; fail "\`npm ci\` failed." "Is the npm registry reachable from here? Full log: $log_file"; }
    addon_loads || { log_tail "$log_file"; fail "The SQLite module does not load." "Try: cd $project && npm rebuild better-sqlite3. Full log: $log_file"; }
  fi
  keep_modules
}

# The same in two steps, for who has something to do while the SQLite module is compiled, which takes one core for more than
# a minute. fetch_modules: all packages, compiled nothing.
fetch_modules() {
  note "Installing npm packages"
  npm_ci --ignore-scripts || { log_tail "$log_file"; fail "\`npm ci\` failed." "Is the npm registry reachable from here? Full log: $log_file"; }
}

# compile_modules: what fetch_modules left.
compile_modules() {
  if ! npm_with_headers rebuild better-sqlite3 || ! addon_loads; then
    need_commands g++:build-essential make:build-essential python3:python3
    npm_with_headers rebuild better-sqlite3 || log_tail "$log_file"
    addon_loads || fail "The SQLite module does not load." "Try: cd $project && npm rebuild better-sqlite3. Full log: $log_file"
  fi
  keep_modules
}

have_modules() { [ "$(cat "$project/node_modules/.paas-installed-from" 2>/dev/null)" = "$(wanted_modules)" ] && addon_loads; }
keep_modules() { wanted_modules >"$project/node_modules/.paas-installed-from"; }
wanted_modules() { cat "$project/package-lock.json" "$project/package.json" <(node --version) | sha256sum | cut -c1-32; }

npm_ci() { npm_with_headers ci --include=dev --no-audit --no-fund "$@"; }

npm_with_headers() {
  local settings=()
  # Headers of this very Node: a module without a prebuilt binary compiles without fetching them.
  if [ -e /usr/include/node/common.gypi ] && headers_match; then settings=(npm_config_nodedir=/usr); fi
  try_logged 900 env "${settings[@]}" npm --prefix "$project" "$@"
}

headers_match() {
  local major minor
  major=$(sed -n 's/^#define NODE_MAJOR_VERSION //p' /usr/include/node/node_version.h 2>/dev/null)
  minor=$(sed -n 's/^#define NODE_MINOR_VERSION //p' /usr/include/node/node_version.h 2>/dev/null)
  case $(node --version) in "v$major.$minor".*) return 0 ;; *) return 1 ;; esac
}

addon_loads() {
  (cd "$project" && timeout 30 node -e "new (require('better-sqlite3'))(':memory:').close()") >>"$log_file" 2>&1
}

# source_hash: of everything that the build reads.
source_hash() {
  (
    cd "$project" || exit 1
    find src web-ui scripts/copy-assets.js package-lock.json tsconfig.json tsconfig.build.json \
      -type f -not -path '*/node_modules/*' -not -path 'web-ui/dist/*' -print0 | sort -z | xargs -0 sha256sum
  ) | sha256sum | cut -c1-32
}

# need_build: dist/ and the dashboard, again only when the sources changed.
need_build() {
  local stamp=$project/dist/.built-from wanted
  wanted=$(source_hash)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  note "Building"
  run_logged 300 "The sources do not compile: is this an unchanged checkout?" npm --prefix "$project" run build
  chmod 0755 "$project"/dist/cli/main.js "$project"/dist/daemon/*.js 2>/dev/null || true
  printf '%s\n' "$wanted" >"$stamp"
}
