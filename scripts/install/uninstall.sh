# shellcheck shell=bash disable=SC2034,SC2154
# Takes away what install.sh and the platform made, and nothing else: no package, no stranger's container. Sourced.

# uninstall PURGE YES: PURGE=yes also deletes the data directory; without it, it is asked on a terminal.
uninstall() {
  local purge=$1 yes=$2 answer
  if [ -z "$purge" ] && [ -z "$yes" ] && [ -t 0 ] && [ -d "$data_dir" ]; then
    read -r -p "       Delete all data in $data_dir too (apps, releases, config vars)? [y/N] " answer
    if [[ $answer =~ ^[Yy] ]]; then purge=yes; fi
  fi
  step "Stopping the platform"
  stop_all
  step "Removing its containers, images, volumes and networks"
  remove_docker_objects "$purge"
  remove_firewall
  step "Removing its files"
  remove_files
  if [ -n "$purge" ]; then
    purge_data
  elif [ -d "$data_dir" ]; then
    note "Kept: $data_dir (delete it with: ./install.sh --uninstall --purge-data$which_install)"
  fi
  note "Docker, HAProxy and the other packages stay installed."
}

# Without the data the images and caches are of no use; with the data kept, a new install goes on with them.
remove_docker_objects() {
  local purge=$1 filter objects id
  id=$(instance_id)
  if [ -z "$id" ]; then note "None"; return; fi
  if ! engine_answers; then note "The Docker engine does not answer: nothing removed there"; return; fi
  filter="label=paas.instance=$id"
  mapfile -t objects < <(engine ps -aq --filter "$filter")
  remove_objects "rm --force --volumes" "${objects[@]}"
  mapfile -t objects < <(engine network ls -q --filter "$filter")
  remove_objects "network rm" "${objects[@]}"
  [ -n "$purge" ] || return 0
  mapfile -t objects < <(engine volume ls -q --filter "$filter")
  remove_objects "volume rm --force" "${objects[@]}"
  mapfile -t objects < <(engine image ls -q --filter "$filter" | sort -u)
  remove_objects "image rm --force" "${objects[@]}"
  if [ -z "$(engine ps -aq --filter label=paas.instance)" ]; then
    mapfile -t objects < <(engine image ls --format '{{.Repository}}:{{.Tag}}' | grep -E '^paas-stack-(build|run|base):' | sort)
    remove_objects "image rm" "${objects[@]}"
  fi
}

# The chains that the daemon keeps in the host's firewall (src/firewall/rules.ts names them).
remove_firewall() {
  local tool id chain jump
  id=$(instance_id)
  [ -n "$id" ] || return 0
  for tool in iptables ip6tables; do
    command -v "$tool" >/dev/null || continue
    for chain in "PAAS-INPUT-${id:0:15}" "PAAS-FORWARD-${id:0:15}"; do
      while read -ra jump; do
        "$tool" -w 5 -D "${jump[@]:1}" >>"$log_file" 2>&1 || true
      done < <("$tool" -w 5 -S 2>>"$log_file" | grep -- " -j $chain\$")
      "$tool" -w 5 -F "$chain" >>"$log_file" 2>&1 || continue
      "$tool" -w 5 -X "$chain" >>"$log_file" 2>&1 || note "Chain $chain of $tool could not be removed"
    done
  done
}

# remove_objects SUBCOMMAND OBJECT...
remove_objects() {
  local subcommand
  read -ra subcommand <<<"$1"
  shift
  [ $# -gt 0 ] || return 0
  try_logged 300 docker -H "unix://$docker_socket" "${subcommand[@]}" "$@" ||
    note "Some could not be removed (${subcommand[*]}); see $log_file"
}

remove_files() {
  local name
  if [ -n "$is_main_install" ]; then
    if [ -e "$unit_file" ]; then
      if has_systemd; then systemctl disable paasd >>"$log_file" 2>&1 || true; fi
      rm -f -- "$unit_file"
      if has_systemd; then systemctl daemon-reload; fi
    fi
    rm -rf -- /etc/paas
  fi
  if [ ! -e /etc/paas/paas.env ]; then
    for name in paas paasd paasd-admin; do remove_link "/usr/local/bin/$name"; done
  fi
}

remove_link() {
  case $(readlink -- "$1" 2>/dev/null) in "$project"/dist/*) rm -f -- "$1" ;; esac
}

purge_data() {
  # Only a directory that the platform made.
  if [ -e "$data_dir/instance-id" ] || [ -e "$data_dir/.made-by-install" ]; then
    rm -rf -- "$data_dir"
    note "Deleted $data_dir"
  elif [ -d "$data_dir" ]; then
    note "Kept $data_dir: it does not look like the platform's"
  fi
}
