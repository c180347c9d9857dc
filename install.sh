#!/usr/bin/env bash
# Installs and starts the platform on this server. Safe to run again: what is there stays, what changed is applied.
set -euo pipefail
umask 022

project=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly project
log_file=/var/log/paas-install.log
# shellcheck source=scripts/install/progress.sh
. "$project/scripts/install/progress.sh"
# shellcheck source=scripts/install/requirements.sh
. "$project/scripts/install/requirements.sh"
# shellcheck source=scripts/install/settings.sh
. "$project/scripts/install/settings.sh"
# shellcheck source=scripts/install/processes.sh
. "$project/scripts/install/processes.sh"
# shellcheck source=scripts/install/accounts.sh
. "$project/scripts/install/accounts.sh"
# shellcheck source=scripts/install/demo.sh
. "$project/scripts/install/demo.sh"
# shellcheck source=scripts/install/uninstall.sh
. "$project/scripts/install/uninstall.sh"

usage() {
  cat <<TEXT
usage: ./install.sh [options]           install, start, make the first account
       ./install.sh --demo [options]    the same, and push a small app to it
       ./install.sh --status | --start | --stop [--apps] | --uninstall [--purge-data]

  --domain D        apps live at NAME.D, the platform at paas.D   (default: localhost)
  --http-port P     port of the router   (default: 8080 for localhost, else 80)
  --data-dir DIR    where everything is kept; names the install   (default: $default_data_dir)
  --email E         e-mail of the first account   (default: admin@DOMAIN)
  --ca-bundle F     certificates that builds are to trust, for networks that re-sign TLS
  --apps            with --stop: stop the apps' dynos too; without it they go on running, unreachable
  --purge-data      with --uninstall: delete all data, images and caches without asking
  --yes             ask nothing
  --help            this text

Settings are kept in /etc/paas/paas.env; see docs/operations.md. Full log: $log_file
TEXT
}

action=install with_demo='' with_apps='' purge='' assume_yes=''
chosen_data_dir=${PAAS_DATA_DIR:-$default_data_dir}
declare -A chosen=()
wanted_email='' ca_bundle=''

# value OPTION VALUE...: the value of an option, which must be there.
value() {
  [ -n "${2-}" ] || fail "$1 needs a value." "See: ./install.sh --help"
  printf '%s' "$2"
}

while [ $# -gt 0 ]; do
  case $1 in
    --demo) with_demo=yes ;;
    --domain) chosen[PAAS_DOMAIN]=$(value "$@"); shift ;;
    --http-port) chosen[PAAS_HTTP_PORT]=$(value "$@"); shift ;;
    --data-dir) chosen_data_dir=$(value "$@"); shift ;;
    --email) wanted_email=$(value "$@"); shift ;;
    --ca-bundle) ca_bundle=$(value "$@"); shift ;;
    --stop | --start | --status | --uninstall) action=${1#--} ;;
    --apps) with_apps=yes ;;
    --purge-data) purge=yes ;;
    --yes | -y) assume_yes=yes ;;
    --help | -h) usage && exit 0 ;;
    *) fail "Unknown option $1." "See: ./install.sh --help" ;;
  esac
  shift
done

check_root install.sh
check_os
if ! touch "$log_file" 2>/dev/null; then log_file=$(mktemp); fi
chmod 0600 "$log_file"
printf '\n== %s: %s\n' "$(date -u +%FT%TZ)" "$action" >>"$log_file"
trap stop_running_command EXIT
trap 'exit 130' INT TERM

use_data_dir "$chosen_data_dir"
read_settings
[ -z "$ca_bundle" ] || chosen[PAAS_BUILD_CA_BUNDLE]=$(realpath -m -- "$ca_bundle")
for key in "${!chosen[@]}"; do settings[$key]=${chosen[$key]}; done
settle_settings
derive_addresses
which_install=''
if [ -z "$is_main_install" ]; then which_install=" --data-dir $data_dir"; fi

only_one_at_a_time() {
  mkdir -p /run/lock
  exec 9>/run/lock/paas-install.lock
  flock --nonblock 9 || fail "Another install.sh is running." "Wait until it has ended."
}

must_be_installed() {
  [ -e "$settings_file" ] || fail "Nothing is installed in $data_dir." "Install with: ./install.sh$which_install"
}

prepare_data_dir() {
  (umask 077 && mkdir -p "$data_dir/log" "$data_dir/run")
  chmod 0700 "$data_dir"
  touch "$data_dir/.made-by-install"
}

link_commands() {
  local name target
  for name in paas:cli/main paasd:daemon/main paasd-admin:daemon/admin; do
    target=$project/dist/${name#*:}.js
    name=/usr/local/bin/${name%%:*}
    [ -e "$target" ] || continue
    chmod 0755 "$target"
    if [ ! -e "$name" ] || [ -L "$name" ]; then ln -sfn "$target" "$name"; else note "$name is another program: left alone"; fi
  done
}

print_summary() {
  cat <<TEXT

  Dashboard    $platform_url/
  E-mail       $email
  Password     ${password:-(shown when the account was made; a new one: paasd-admin account:password --email $email)}
  Token        $token
TEXT
}

print_next() {
  cat <<TEXT

Type next, in a directory with your code:
  paas create my-app
  git push paas main
  paas open

TEXT
}

install_platform() {
  local began=$SECONDS
  step "Checking what is needed"
  need_commands curl:curl git:git haproxy:haproxy ss:iproute2 tar:tar
  if [ -n "${apt_updated}" ] && has_systemd && [ "$(systemctl is-active haproxy 2>/dev/null)" = active ]; then
    # The package's own service has an empty configuration; the platform runs its own HAProxy.
    systemctl disable --now haproxy >>"$log_file" 2>&1 || true
  fi
  need_node
  need_engine
  check_ports
  step "Building the platform"
  need_modules
  need_build
  step "Stack images (what builds and dynos run on)"
  shown_logged 1800 "$project/stack/build-images.sh" ||
    fail "The stack images could not be made." "The lines above say why. Full log: $log_file"
  step "Starting the platform"
  prepare_data_dir
  write_settings
  link_commands
  start_daemon
  step "First account"
  need_account "${wanted_email:-admin@$domain}"
  if [ -n "$with_demo" ]; then
    step "Demo app"
    run_demo
  else
    print_summary
    print_next
  fi
  note "Done in $((SECONDS - began)) s"
}

case $action in
  install) only_one_at_a_time && install_platform ;;
  start)
    must_be_installed
    only_one_at_a_time
    need_engine
    check_ports
    start_daemon
    ;;
  stop)
    must_be_installed
    only_one_at_a_time
    step "Stopping the platform"
    stop_all
    [ -z "$with_apps" ] || stop_apps
    note "Stopped. Start it with: ./install.sh --start$which_install"
    ;;
  status) must_be_installed && print_status ;;
  uninstall) only_one_at_a_time && uninstall "$purge" "$assume_yes" ;;
esac
