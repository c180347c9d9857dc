# shellcheck shell=bash
# The app's packages. node_modules is kept in the cache and used again while nothing that it is made from changed.

choose_package_tool() {
  if [ -f "$build_dir/package-lock.json" ] || [ -f "$build_dir/npm-shrinkwrap.json" ]; then
    echo npm
  elif [ -f "$build_dir/pnpm-lock.yaml" ]; then
    echo pnpm
  elif [ -f "$build_dir/yarn.lock" ]; then
    echo yarn
  else
    echo npm
  fi
}

# Runs a script of package.json when it is there.
run_script() {
  [ -n "$(ask ".scripts[\"$1\"]")" ] || return 0
  say "Running $1"
  npm run --silent "$1" 2>&1 | indent || fail "The script \"$1\" of package.json failed." "The lines above say why."
}

installed_key=
installed_mark=$(mktemp)

# install_packages npm|pnpm|yarn
install_packages() {
  local key kept=$cache/node_modules
  [ ! -d node_modules ] || {
    warn "node_modules is part of the source; it is replaced by what the lockfile says." "Put node_modules in .gitignore."
    rm -rf node_modules
  }
  key=$(modules_key "$1")
  if [ -n "$key" ] && [ "$(cat "$cache/node_modules.key" 2>/dev/null)" = "$key" ] && [ -d "$kept" ]; then
    say "Reusing node_modules from the cache: the lockfile is unchanged"
    cp -a --reflink=auto "$kept" node_modules
    installed_key=$key
    touch "$installed_mark"
    return
  fi
  rm -f "$cache/node_modules.key"
  if jq -e '.packages | length <= 1' package-lock.json >/dev/null 2>&1 && [ "$(scope)" = production ]; then
    say "The lockfile lists no packages"
    return
  fi
  "install_with_$1"
  if [ -n "$key" ] && [ -d node_modules ]; then
    replace_directory node_modules "$kept"
    echo "$key" >"$cache/node_modules.key"
  fi
  installed_key=$key
  touch "$installed_mark"
}

# Empty when node_modules also depends on files that the key does not cover: lifecycle scripts, workspaces, local packages.
modules_key() {
  if jq -e '.workspaces or ([.scripts // {} | keys[] | select(test("^(pre|post)?install$|^prepare$"))] | length > 0)
      or ([.dependencies, .devDependencies, .optionalDependencies | .[]? | select(test("^(file|link|portal|workspace):"))] | length > 0)' \
    package.json >/dev/null; then
    return
  fi
  local lock
  for lock in package-lock.json npm-shrinkwrap.json pnpm-lock.yaml yarn.lock; do
    [ ! -f "$lock" ] || {
      { cat package.json "$lock" .npmrc .yarnrc .yarnrc.yml 2>/dev/null; echo "$1 $node_version $STACK $(scope)"; } | sha256sum | cut -c1-64
      return
    }
  done
}

# Dev packages are only needed by scripts.
scope() {
  if jq -e '[.scripts // {} | keys[] | select(test("^(pre|post)?(build|install)$|^heroku-|^prepare$"))] | length > 0' package.json >/dev/null; then
    echo all
  else
    echo production
  fi
}

install_with_npm() {
  local flags=(--include=dev)
  [ "$(scope)" = all ] || flags=(--omit=dev)
  if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then
    say "Installing node modules (npm ci)"
    npm ci "${flags[@]}" --no-audit --no-fund --prefer-offline 2>&1 | indent ||
      fail "npm ci failed." "When package.json and package-lock.json disagree: run npm install, and commit package-lock.json."
  else
    warn "There is no package-lock.json: two builds may get different packages." "Run npm install, and commit package-lock.json."
    say "Installing node modules (npm install)"
    npm install "${flags[@]}" --no-package-lock --no-audit --no-fund 2>&1 | indent || fail "npm install failed."
  fi
}

install_with_pnpm() {
  local flags=(--prod=false)
  [ "$(scope)" = all ] || flags=(--prod)
  say "Installing node modules (pnpm install)"
  run_pnpm install "${flags[@]}" --frozen-lockfile 2>&1 | indent ||
    fail "pnpm install failed." "When package.json and pnpm-lock.yaml disagree: run pnpm install, and commit pnpm-lock.yaml."
}

run_pnpm() {
  npm_config_store_dir=$cache/pnpm npm_config_package_import_method=copy pnpm --reporter append-only "$@"
}

install_with_yarn() {
  say "Installing node modules (yarn install)"
  export YARN_CACHE_FOLDER=$cache/yarn YARN_ENABLE_GLOBAL_CACHE=false YARN_ENABLE_TELEMETRY=0
  local flags=(--immutable)
  if is_classic_yarn; then
    flags=(--frozen-lockfile --non-interactive --production=false)
    [ "$(scope)" = all ] || flags=(--frozen-lockfile --non-interactive --production=true)
  fi
  yarn install "${flags[@]}" 2>&1 | indent ||
    fail "yarn install failed." "When package.json and yarn.lock disagree: run yarn install, and commit yarn.lock."
}

is_classic_yarn() { [[ $(yarn_package) == yarn@* ]]; }

# prune_packages npm|pnpm|yarn: takes dev packages out of the slug.
prune_packages() {
  [ "$(scope)" = all ] && [ "$(jq '.devDependencies // {} | length' package.json)" -gt 0 ] && [ -d node_modules ] || return 0
  step "Pruning devDependencies"
  # The same packages, to which no build script added anything: the result of last time will do.
  local kept=$cache/node_modules.pruned is_untouched=
  if [ -n "$installed_key" ] && [ -z "$(find node_modules -newer "$installed_mark" -print -quit)" ]; then is_untouched=yes; fi
  if [ -n "$is_untouched" ] && [ "$(cat "$cache/node_modules.pruned.key" 2>/dev/null)" = "$installed_key" ]; then
    say "Reusing the pruned node_modules from the cache"
    rm -rf node_modules
    cp -a --reflink=auto "$kept" node_modules
    return
  fi
  rm -f "$cache/node_modules.pruned.key"
  run_prune "$1"
  if [ -n "$is_untouched" ]; then
    replace_directory node_modules "$kept"
    echo "$installed_key" >"$cache/node_modules.pruned.key"
  fi
}

run_prune() {
  case $1 in
    npm) npm prune --omit=dev --ignore-scripts --no-audit --no-fund 2>&1 | indent ;;
    pnpm) run_pnpm prune --prod --ignore-scripts 2>&1 | indent ;;
    yarn)
      if is_classic_yarn; then
        yarn install --production --ignore-scripts --frozen-lockfile --non-interactive --prefer-offline 2>&1 | indent
      else
        yarn workspaces focus --all --production 2>&1 | indent || say "Skipped: this yarn cannot prune"
      fi
      ;;
  esac
}
