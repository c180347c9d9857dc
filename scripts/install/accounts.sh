# shellcheck shell=bash disable=SC2034,SC2154
# The first account, and root's own `paas` command signed in to it. Sourced after processes.sh.
# The password and the token are printed once; the platform keeps only their hashes.

first_email_file() { echo "$data_dir/first-account"; }
admin() { with_settings timeout 60 node "$project/dist/daemon/admin.js" "$@" 2>>"$log_file"; }
paas() { timeout 60 node "$project/dist/cli/main.js" "$@"; }

# random_text: 24 characters that need no quoting.
random_text() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n' | cut -c1-24; }

# need_account EMAIL: sets `email`, `password` (empty when the account is older) and `token`.
need_account() {
  email=$1 password='' token=''
  if [ -e "$(first_email_file)" ]; then
    email=$(cat "$(first_email_file)")
    note "Account $email exists"
  else
    password=$(random_text)
    printf '%s' "$password" | admin account:create --email "$email" --password-stdin --admin >>"$log_file" || {
      log_tail "$log_file"
      fail "The first account could not be made." "See $log_file"
    }
    (umask 077 && printf '%s\n' "$email" >"$(first_email_file)")
    note "Made the account $email"
  fi
  need_login
}

# need_login: root's CLI, and git through ~/.netrc, signed in to this install.
need_login() {
  token=$(PAAS_HOST=$platform_url paas auth:token 2>/dev/null) || token=
  if [ -n "$token" ] && PAAS_HOST=$platform_url paas auth:whoami >/dev/null 2>&1; then return; fi
  token=$(admin token:create --email "$email" --description "paas of root on $(uname -n)") ||
    { log_tail "$log_file"; fail "No token could be made for $email." "See $log_file"; }
  printf '%s\n' "$token" | paas login --host "$platform_url" >>"$log_file" 2>&1 || {
    log_tail "$log_file"
    fail "The paas command could not sign in to $platform_url." \
      "Does $platform_host lead to this machine? Otherwise sign in with: paas login --host URL"
  }
  note "The paas command of $(id -un) is signed in"
}
