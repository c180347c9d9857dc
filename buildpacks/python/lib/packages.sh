# shellcheck shell=bash
# Which Python, and the packages of requirements.txt.

# Fails when the app asks for a Python that the stack does not have.
check_version() {
  local wanted='' from='' series=${python_version%.*}
  if [ -f .python-version ]; then
    from=.python-version wanted=$(sed -e 's/#.*//' -e 's/[[:space:]]//g' .python-version | grep -m 1 . || true)
  elif [ -f runtime.txt ]; then
    from=runtime.txt wanted=$(tr -d '[:space:]' <runtime.txt)
  fi
  wanted=${wanted#python-}
  case $wanted in
    '' | "$series" | "$series.x" | "$python_version") ;;
    "$series".*) warn "$from asks for Python $wanted; this stack has $python_version, which is used." "Write $series in $from to follow the stack." ;;
    *) fail "$from asks for Python ${wanted:0:40}, which this stack does not have." "Available: $series ($python_version). Write $series in $from, or bring a Dockerfile." ;;
  esac
}

# Installs into $venv, or takes the environment of the last build when nothing that it is made from changed.
install_packages() {
  if [ ! -f requirements.txt ]; then
    if [ -f Pipfile ]; then fail "Pipfile is not supported." "Run pipenv requirements > requirements.txt, and commit it."; fi
    if [ -f uv.lock ]; then fail "There is a uv.lock, but no requirements.txt." "Run uv export --no-dev --no-emit-project > requirements.txt, and commit it."; fi
    if [ -f poetry.lock ]; then fail "There is a poetry.lock, but no requirements.txt." "Run poetry export -o requirements.txt, and commit it."; fi
    step "Installing the project and its dependencies (no requirements.txt)"
    new_environment
    pip_install .
    return
  fi
  local key kept=$cache/venv
  key=$(environment_key)
  if [ -n "$key" ] && [ "$(cat "$cache/venv.key" 2>/dev/null)" = "$key" ] && [ -d "$kept" ]; then
    step "Reusing the installed requirements from the cache: they are unchanged"
    mkdir -p "${venv%/*}"
    cp -a --reflink=auto "$kept" "$venv"
    return
  fi
  rm -f "$cache/venv.key"
  step "Installing requirements with pip"
  new_environment
  pip_install -r requirements.txt
  if [ -n "$key" ]; then
    replace_directory "$venv" "$kept"
    echo "$key" >"$cache/venv.key"
  fi
}

new_environment() {
  mkdir -p "${venv%/*}"
  "$python" -m venv --without-pip "$venv"
}

pip_install() {
  "$python" -m pip --python "$venv/bin/python" install "$@" 2>&1 | grep --line-buffered -Ev '^ *(Using cached|Requirement already|Created temporary|Preparing metadata|Getting requirements)' | indent ||
    fail "pip could not install the requirements." "The lines above say why."
}

# Empty when a requirement is a local path, whose content the key does not cover.
environment_key() {
  local files=(requirements*.txt constraints*.txt requirements/*.txt requirements/*.in)
  local file present=()
  for file in "${files[@]}"; do [ ! -f "$file" ] || present+=("$file"); done
  if grep -Eqs '^[[:space:]]*(-e|--editable|\.|/|file:)|@ *file:' "${present[@]}"; then
    return
  fi
  { cat "${present[@]}"; echo "$python_version $STACK $build_dir ${PIP_INDEX_URL:-} ${PIP_EXTRA_INDEX_URL:-}"; } | sha256sum | cut -c1-64
}

# Django's static files, as far as the app has them on.
collect_static() {
  local output=/tmp/collectstatic.log failed=''
  "$venv/bin/python" manage.py collectstatic --noinput >"$output" 2>&1 || failed=yes
  ! grep -q "Unknown command: 'collectstatic'" "$output" || return 0
  step "python manage.py collectstatic --noinput"
  grep . "$output" | tail -n 15 | indent
  [ -z "$failed" ] ||
    fail "Django could not collect the static files." "Set STATIC_ROOT in the settings, or switch this step off: DISABLE_COLLECTSTATIC=1."
}
