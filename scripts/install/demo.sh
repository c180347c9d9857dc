# shellcheck shell=bash disable=SC2034,SC2154
# --demo: one app, pushed with git as a developer would, and what to type next. Sourced after accounts.sh.

fetch_app() {
  curl -fsS --retry 20 --retry-delay 1 --retry-all-errors --max-time 10 --noproxy '*' \
    --resolve "$1$app_host_suffix:$http_port:127.0.0.1" "http://$1$app_url_suffix"
}

run_demo() {
  local name marker=$data_dir/demo-app
  name=$(cat "$marker" 2>/dev/null) || name=
  if [ -n "$name" ] && PAAS_HOST=$platform_url paas apps:info --app "$name" >/dev/null 2>&1; then
    note "App $name is there already"
  else
    name=$(create_demo_app)
    push_demo "$name"
    printf '%s\n' "$name" >"$marker"
  fi
  fetch_app "$name" >>"$log_file" 2>&1 || { log_tail "$log_file"; fail "http://$name$app_url_suffix does not answer." "See: paas logs --app $name"; }
  print_summary
  cat <<TEXT
  Demo app     http://$name$app_url_suffix

Type next:
  paas logs --tail --app $name
  paas ps:scale web=2 --app $name
  paas config:set GREETING=hello --app $name

TEXT
}

# create_demo_app: prints the name it got: demo, or demo-N when that is taken.
create_demo_app() {
  local number name output
  for number in '' -2 -3 -4 -5 -6 -7 -8 -9; do
    name=demo$number
    if output=$(PAAS_HOST=$platform_url paas apps:create "$name" --no-remote 2>&1 </dev/null); then
      echo "$name"
      return
    fi
    case $output in *taken*) ;; *) break ;; esac
  done
  printf '%s\n' "$output" >>"$log_file"
  log_tail "$log_file"
  fail "The demo app could not be created." "${output%%$'\n'*}"
}

push_demo() {
  local work status=0
  work=$(mktemp -d)
  cp -a "$project/test/fixtures/apps/sample/." "$work/"
  {
    git -C "$work" init --quiet --initial-branch=main
    git -C "$work" add --all
    git -C "$work" -c user.name=Demo -c user.email="$email" commit --quiet --message "Say hello"
  } >>"$log_file" 2>&1
  note "git push $platform_url/$1.git main"
  echo
  # Shown as it comes; a build that says nothing for this long is not coming back.
  # Talks to this machine whatever the DNS says, and never through a proxy.
  shown_logged 900 env GIT_TERMINAL_PROMPT=0 git -C "$work" -c http.proxy= -c "http.curloptResolve=$platform_host:$http_port:127.0.0.1" \
    push "$platform_url/$1.git" main || status=$?
  echo
  rm -rf -- "$work"
  [ "$status" -eq 0 ] || fail "The push failed (status $status)." "The lines above say why. Full log: $log_file"
}
