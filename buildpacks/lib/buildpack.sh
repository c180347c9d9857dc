# shellcheck shell=bash
# What the in-tree buildpacks share: Heroku-style output and the app's config vars. Sourced, never run.

step() { printf -- '-----> %s\n' "$*"; }
say() { printf '       %s\n' "$@"; }
indent() { sed -u 's/^/       /'; }
warn() {
  printf '\n'
  printf ' !     %s\n' "$@"
  printf '\n'
}
fail() {
  printf '\n'
  printf ' !     %s\n' "$@"
  exit 1
}

# Exports the app's config vars (one file each in ENV_DIR), except those that would break the build's own tools.
export_config() {
  local file name
  for file in "$1"/*; do
    name=${file##*/}
    [[ -f $file && $name =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || continue
    case $name in
      PATH | HOME | SHELL | IFS | ENV | BASH_ENV | SHELLOPTS | BASHOPTS | PS4 | PROMPT_COMMAND | CDPATH | GLOBIGNORE) continue ;;
      GIT_* | LD_* | BUILD_DIR | CACHE_DIR | ENV_DIR | BUILDPACKS | BUILDPACKS_DIR | STACK | SOURCE_VERSION) continue ;;
      CPATH | CPPATH | LIBRARY_PATH | PYTHONHOME | GOROOT | npm_config_prefix) continue ;;
    esac
    export "$name=$(<"$file")"
  done
}

# replace_directory FROM TO: TO becomes a copy of FROM, in one step as far as a reader of TO can see.
replace_directory() {
  rm -rf "$2.new"
  mkdir -p "${2%/*}"
  cp -a --reflink=auto "$1" "$2.new"
  rm -rf "$2"
  mv "$2.new" "$2"
}

# Writes what the next buildpack of the build sources, for buildpack $1.
write_export() {
  mkdir -p /tmp/paas-export
  cat >"/tmp/paas-export/$1"
}
