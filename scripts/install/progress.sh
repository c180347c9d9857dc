# shellcheck shell=bash disable=SC2034,SC2154
# How install.sh and test/run talk: steps, progress of long commands, failures with what to do.
# Sourced. The caller sets `log_file`: the full output of every command goes there.

log_file=${log_file:-/dev/null}
running_command=

step() { printf '%s\n' "-----> $*"; }
note() { printf '       %s\n' "$@"; }

# fail MESSAGE [LINE...]: says what happened and what to do, and ends.
fail() {
  printf '%s\n' " !     $1" >&2
  shift
  [ $# -eq 0 ] || printf ' !     %s\n' "$@" >&2
  exit 1
}

# log_tail FILE: the last 20 lines of a log, for people.
log_tail() {
  local file=$1
  [ -s "$file" ] || return 0
  printf ' !     Last lines of %s:\n' "$file" >&2
  tail -n 20 -- "$file" | cut -c1-200 | sed 's/^/       | /' >&2
}

# try_logged SECONDS COMMAND...: runs it with a time limit, output to the log, and shows that time passes.
# Returns its status; 124 when the limit was reached.
try_logged() {
  local limit=$1 began=$SECONDS shown=0 elapsed status=0
  shift
  printf '\n$ %s\n' "$*" >>"$log_file"
  timeout --kill-after=10 "$limit" "$@" >>"$log_file" 2>&1 </dev/null &
  running_command=$!
  while kill -0 "$running_command" 2>/dev/null; do
    sleep 0.2
    elapsed=$((SECONDS - began))
    if [ -t 1 ]; then
      [ "$elapsed" -eq "$shown" ] || printf '\r       … %d s ' "$elapsed"
      shown=$elapsed
    elif [ $((elapsed - shown)) -ge 15 ]; then
      note "… $elapsed s"
      shown=$elapsed
    fi
  done
  if [ -t 1 ] && [ "$shown" -gt 0 ]; then printf '\r\033[K'; fi
  wait "$running_command" || status=$?
  running_command=
  return "$status"
}

# run_logged SECONDS ADVICE COMMAND...: as try_logged, but a failure ends the script with the log's end and the advice.
run_logged() {
  local limit=$1 advice=$2 status=0
  shift 2
  try_logged "$limit" "$@" || status=$?
  [ "$status" -ne 0 ] || return 0
  log_tail "$log_file"
  if [ "$status" -eq 124 ]; then
    fail "\`$*\` took longer than $limit seconds and was ended." "$advice" "Full log: $log_file"
  fi
  fail "\`$*\` failed (status $status)." "$advice" "Full log: $log_file"
}

# shown_logged SECONDS COMMAND...: for commands that tell their own progress: output to the terminal and to the log.
shown_logged() {
  local limit=$1
  shift
  printf '\n$ %s\n' "$*" >>"$log_file"
  timeout --foreground --kill-after=10 "$limit" "$@" 2>&1 </dev/null | tee -a "$log_file"
}

# End what runs when the script is ended from outside.
stop_running_command() {
  [ -z "$running_command" ] || kill "$running_command" 2>/dev/null || true
}
