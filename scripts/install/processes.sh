# shellcheck shell=bash disable=SC2034,SC2154
# The platform's processes: the daemon, the log collector, the router. Sourced after settings.sh.
# The daemon starts the other two detached, so that they outlive it.

readonly unit_file=/etc/systemd/system/paasd.service
daemon_log() { echo "$data_dir/log/paasd.log"; }
uses_unit() { [ -n "$is_main_install" ] && has_systemd; }

# pid_of daemon|collector|router: its pid when it runs and is of this install, else nothing.
pid_of() {
  local file pid
  case $1 in
    daemon) file=$data_dir/run/paasd.pid ;;
    collector) file=$data_dir/run/collector.pid ;;
    router) file=$data_dir/haproxy/haproxy.pid ;;
  esac
  pid=$(head -n 1 "$file" 2>/dev/null | tr -dc '0-9') || true
  if [ -n "$pid" ] && is_ours "$pid"; then echo "$pid"; fi
}

# is_ours PID: a pid file may be old and its number taken by a stranger.
is_ours() {
  [ -r "/proc/$1/cmdline" ] || return 1
  tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qF -- "$data_dir/" && return 0
  tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | grep -qxF -- "PAAS_DATA_DIR=$data_dir" || return 1
  tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | grep -qE -- '/daemon/[a-z-]+\.js$|haproxy'
}

# check_port PORT OPTION: a port held by another program is an error that names it.
check_port() {
  local holder pid
  [ -n "$(ss -Hltn "sport = :$1" 2>/dev/null)" ] || return 0
  holder=$(ss -Hltnp "sport = :$1" | sed -n 's/.*users:((\(.*\)))/\1/p' | head -n 1)
  while read -r pid; do
    if is_ours "$pid"; then return 0; fi
  done < <(grep -o 'pid=[0-9]*' <<<"$holder" | cut -d= -f2)
  holder=$(sed -n 's/^"\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p' <<<"$holder")
  fail "Port $1 is taken by ${holder:-another program}." "Stop that program, or choose another port: $2"
}

check_ports() {
  check_port "$http_port" '--http-port PORT'
  check_port "$api_port" 'PAAS_API_PORT=PORT ./install.sh …'
}

answers() { curl -fsS --max-time 3 --noproxy '*' --resolve "$platform_host:$http_port:127.0.0.1" "$platform_url/healthz" >/dev/null 2>&1; }

# start_daemon: starts it, or restarts it when the program or a setting changed. Waits until the router answers for it.
start_daemon() {
  local version stamp=$data_dir/run/started-from
  version=$(cat "$project/dist/.built-from" "$settings_file" | sha256sum | cut -c1-32)
  if [ -n "$(pid_of daemon)" ]; then
    if [ "$(cat "$stamp" 2>/dev/null)" = "$version" ] && answers; then
      note "Running already (pid $(pid_of daemon))"
      return
    fi
    note "Restarting it with the new version or settings; apps go on running"
    stop_daemon
  fi
  rotate_daemon_log
  if uses_unit; then
    write_unit
    run_logged 60 "See: journalctl -u paasd" systemctl enable --now paasd
  else
    # 9 is the lock of this run, which must not live on in the daemon.
    with_settings setsid node --max-semi-space-size=2 "$project/dist/daemon/main.js" >>"$(daemon_log)" 2>&1 </dev/null 9>&- &
    disown $!
  fi
  wait_for_daemon
  printf '%s\n' "$version" >"$stamp"
  note "Running (pid $(pid_of daemon))"
}

wait_for_daemon() {
  local began=$SECONDS started=
  while [ $((SECONDS - began)) -lt 30 ]; do
    if answers; then return; fi
    if [ -n "$(pid_of daemon)" ]; then started=yes; elif [ -n "$started" ]; then break; fi
    sleep 0.3
  done
  log_tail "$(daemon_log)"
  fail "The platform does not answer on $platform_url/healthz." \
    "See $(daemon_log) and docs/operations.md (troubleshooting), then run this again."
}

rotate_daemon_log() {
  local size
  size=$(stat -c %s "$(daemon_log)" 2>/dev/null || echo 0)
  if [ "$size" -gt 50000000 ]; then mv -f -- "$(daemon_log)" "$(daemon_log).1"; fi
}

# KillMode=process: stopping the unit ends the daemon only; router and collector go on serving.
write_unit() {
  local draft
  draft=$(mktemp)
  cat >"$draft" <<UNIT
[Unit]
Description=paasd, the platform's daemon
After=network-online.target docker.service
Wants=network-online.target

[Service]
EnvironmentFile=$settings_file
Environment=HOME=/root LANG=C.UTF-8
ExecStart=$(command -v node) --max-semi-space-size=2 $project/dist/daemon/main.js
StandardOutput=append:$(daemon_log)
StandardError=append:$(daemon_log)
Restart=always
RestartSec=2
RestartPreventExitStatus=78
KillMode=process
TimeoutStopSec=20
LimitNOFILE=65536
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
UNIT
  if ! cmp -s "$draft" "$unit_file"; then
    install -m 0644 "$draft" "$unit_file"
    systemctl daemon-reload
  fi
  rm -f -- "$draft"
}

stop_daemon() {
  if uses_unit && [ -e "$unit_file" ]; then try_logged 40 systemctl stop paasd || true; fi
  end_process "$(pid_of daemon)" 20
}

# end_process PID SECONDS: asks it to end, then makes it.
end_process() {
  local pid=$1 waited
  [ -n "$pid" ] || return 0
  kill -TERM "$pid" 2>/dev/null || return 0
  for ((waited = 0; waited < $2 * 5; waited++)); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.2
  done
  kill -KILL "$pid" 2>/dev/null || true
}

# stop_all: the daemon first, because it would start the others again.
stop_all() {
  stop_daemon
  end_process "$(pid_of collector)" 10
  end_process "$(pid_of router)" 10
}

instance_id() { head -c 64 "$data_dir/instance-id" 2>/dev/null | tr -dc 'A-Za-z0-9_-' || true; }
engine() { docker -H "unix://$docker_socket" "$@"; }

# stop_apps: the dynos' containers; the daemon makes them anew at the next start.
stop_apps() {
  local id containers
  id=$(instance_id)
  [ -n "$id" ] || return 0
  mapfile -t containers < <(engine ps -q --filter "label=paas.instance=$id")
  [ ${#containers[@]} -eq 0 ] || run_logged 120 "See: docker ps" docker -H "unix://$docker_socket" stop --time 30 "${containers[@]}"
}

print_status() {
  local part pid state is_up=0
  for part in daemon collector router; do
    pid=$(pid_of "$part")
    if [ -n "$pid" ]; then state="running (pid $pid)"; else state=stopped is_up=1; fi
    printf '%-10s %s\n' "$part" "$state"
  done
  if answers; then printf '%-10s %s\n' answers "yes, on $platform_url"; else printf '%-10s %s\n' answers "no, on $platform_url"; is_up=1; fi
  if [ -n "$(instance_id)" ] && engine_answers; then
    printf '%-10s %s\n' dynos "$(engine ps -q --filter "label=paas.instance=$(instance_id)" | wc -l) containers running"
  fi
  printf '%-10s %s\n' settings "$settings_file" data "$data_dir" log "$(daemon_log)"
  return "$is_up"
}
