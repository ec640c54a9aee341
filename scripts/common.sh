# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts of this folder: where things are, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
core_dir=$build/core

say() { printf '==> %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Hash of the files below the given paths of the repository, names included.
tree_key() {
  (cd "$root" && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) |
    sha256sum | cut -c1-32
}

# One line of UPSTREAM by its first word.
upstream() { awk -v key="$1" '$1 == key { print $2; exit }' "$root/amule-patches/UPSTREAM"; }

# The names of the series, in order.
series() { grep -v -e '^#' -e '^$' "$root/amule-patches/series"; }

# Sets apt_options so that apt-get uses nothing of the machine's but its keys: scratch folder, kind of
# source (deb or deb-src), suite. Updates the lists.
use_scratch_apt() {
  local folder=$1 mirror=${MULEPLEX_DEBIAN_MIRROR:-http://deb.debian.org/debian}
  case $3 in
    *-security) mirror=${MULEPLEX_SECURITY_MIRROR:-http://deb.debian.org/debian-security} ;;
  esac
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
  printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
    "$2" "$mirror" "$3" >"$folder/source.list"
  apt_options=(-qq -o Dir::Etc::SourceList="$folder/source.list"
    -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$folder/lists"
    -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root)
  apt-get "${apt_options[@]}" update
}

# Commits made by the tools carry no name of a person or a machine.
export GIT_AUTHOR_NAME=Muleplex GIT_AUTHOR_EMAIL=developers@muleplex.invalid
export GIT_COMMITTER_NAME=Muleplex GIT_COMMITTER_EMAIL=developers@muleplex.invalid
