# shellcheck shell=bash disable=SC2034,SC2154
# The settings of one install: read from its environment file, changed by options, written back. Sourced.
# The install in /var/lib/paas keeps them in /etc/paas/paas.env; any other data directory in itself.

readonly default_data_dir=/var/lib/paas
readonly known_settings='PAAS_DATA_DIR PAAS_DOMAIN PAAS_PLATFORM_HOST PAAS_HTTP_PORT PAAS_API_PORT PAAS_DOCKER_SOCKET
  PAAS_SUBNET PAAS_BUILD_CA_BUNDLE PAAS_BUILD_TIMEOUT_SECONDS PAAS_BUILD_MEMORY PAAS_BUILD_CONCURRENCY
  PAAS_MAX_SOURCE_BYTES PAAS_LOG_LEVEL PAAS_STACK_BUILD_IMAGE PAAS_STACK_RUN_IMAGE PAAS_LOG_RETENTION_BYTES
  PAAS_LOG_RETENTION_DAYS PAAS_BUILDPACKS_DIR PAAS_BIND_ADDRESS PAAS_HAPROXY PAAS_WEB_UI_DIR PAAS_BOOT_TIMEOUT_SECONDS
  PAAS_CRASH_COOL_OFF_SECONDS PAAS_FIREWALL PAAS_EGRESS_ALLOW'
declare -A settings=()

# use_data_dir DIR: decides which install this run is about.
use_data_dir() {
  data_dir=$1
  [[ $data_dir =~ ^/[A-Za-z0-9._/-]+$ && $data_dir != *..* && $data_dir != / ]] ||
    fail "\"$data_dir\" cannot be the data directory." "Give an absolute path of letters, digits, dots and dashes."
  data_dir=${data_dir%/}
  is_main_install='' settings_file=$data_dir/paas.env
  if [ "$data_dir" = "$default_data_dir" ]; then is_main_install=yes settings_file=/etc/paas/paas.env; fi
}

# read_settings: the file of an earlier run, then PAAS_* of this environment on top.
read_settings() {
  local key value
  if [ -r "$settings_file" ]; then
    while IFS='=' read -r key value; do
      [[ $key =~ ^[A-Z][A-Z0-9_]*$ ]] || continue
      settings[$key]=$value
    done <"$settings_file"
  fi
  for key in $known_settings; do
    [ -z "${!key-}" ] || settings[$key]=${!key}
  done
  settings[PAAS_DATA_DIR]=$data_dir
}

# settle_settings: defaults and checks. Options have been put into `settings` before.
settle_settings() {
  local port key
  : "${settings[PAAS_DOMAIN]:=localhost}"
  if [ -z "${settings[PAAS_HTTP_PORT]-}" ]; then
    settings[PAAS_HTTP_PORT]=80
    if [ "${settings[PAAS_DOMAIN]}" = localhost ]; then settings[PAAS_HTTP_PORT]=8080; fi
  fi
  : "${settings[PAAS_API_PORT]:=7070}"
  [[ ${settings[PAAS_DOMAIN]} =~ ^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$ ]] ||
    fail "\"${settings[PAAS_DOMAIN]}\" is not a domain." "Give one such as apps.example.com, in lower case."
  for port in PAAS_HTTP_PORT PAAS_API_PORT; do
    [[ ${settings[$port]} =~ ^[1-9][0-9]{0,4}$ && ${settings[$port]} -le 65535 ]] ||
      fail "${settings[$port]} is not a port." "Give a number from 1 to 65535."
  done
  if [ -z "${settings[PAAS_BUILD_CA_BUNDLE]-}" ] && [ -n "${NODE_EXTRA_CA_CERTS-}" ]; then
    settings[PAAS_BUILD_CA_BUNDLE]=$NODE_EXTRA_CA_CERTS
  fi
  if [ -n "${settings[PAAS_BUILD_CA_BUNDLE]-}" ]; then
    [ -r "${settings[PAAS_BUILD_CA_BUNDLE]}" ] || fail "The CA bundle ${settings[PAAS_BUILD_CA_BUNDLE]} cannot be read."
    settings[NODE_EXTRA_CA_CERTS]=${settings[PAAS_BUILD_CA_BUNDLE]}
  fi
  for key in "${!settings[@]}"; do
    [[ ${settings[$key]} != *$'\n'* ]] || fail "$key holds a line break."
  done
}

derive_addresses() {
  docker_socket=${settings[PAAS_DOCKER_SOCKET]:-/var/run/docker.sock}
  domain=${settings[PAAS_DOMAIN]:-localhost}
  http_port=${settings[PAAS_HTTP_PORT]:-8080}
  api_port=${settings[PAAS_API_PORT]:-7070}
  platform_host=${settings[PAAS_PLATFORM_HOST]:-}
  if [ -z "$platform_host" ]; then
    platform_host=paas.$domain
    if [ "$domain" = localhost ]; then platform_host=localhost; fi
  fi
  local port_part=:$http_port
  if [ "$http_port" = 80 ]; then port_part=; fi
  platform_url=http://$platform_host$port_part
  # What follows an app's name in its host name and in its URL.
  app_host_suffix=.$domain app_url_suffix=.$domain$port_part/
}

# write_settings: sorted, one KEY=value a line, as systemd reads it. Says whether something changed.
write_settings() {
  local draft
  mkdir -p "$(dirname "$settings_file")"
  draft=$(mktemp "$settings_file.XXXXXX")
  {
    echo '# Settings of the platform, see docs/operations.md. Edit, then run install.sh again: it keeps and applies them.'
    for key in "${!settings[@]}"; do
      printf '%s=%s\n' "$key" "${settings[$key]}"
    done | sort
  } >"$draft"
  chmod 0600 "$draft"
  if cmp -s "$draft" "$settings_file"; then rm -f -- "$draft"; else mv -- "$draft" "$settings_file"; fi
}

# with_settings COMMAND...: in a clean environment that holds just the settings.
with_settings() {
  local key pairs=()
  for key in "${!settings[@]}"; do pairs+=("$key=${settings[$key]}"); done
  env -i PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="${HOME:-/root}" LANG=C.UTF-8 "${pairs[@]}" "$@"
}
