#!/usr/bin/env bash
# Installs what Tidewire needs to build, test and run its demo on Debian 12: the packages of scripts/packages.txt and the Go
# toolchain that playground/go.mod names. As root or with sudo. Does nothing when all is there.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t packages < <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' scripts/packages.txt)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -q '^installed$' || missing+=("$package")
done

if ((${#missing[@]})); then
  sudo=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || { echo "install.sh: not root and no sudo; install by hand: ${missing[*]}" >&2; exit 1; }
    sudo=(sudo)
  fi
  echo "installing ${#missing[@]} packages: ${missing[*]}"
  "${sudo[@]}" apt-get update -q
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

command -v go >/dev/null || { echo "install.sh: no Go on PATH; any version from 1.21 on will do, it fetches the one that playground/go.mod names" >&2; exit 1; }
# An older Go fetches the named toolchain from the module proxy by itself.
(cd playground && GOTOOLCHAIN=auto go version >/dev/null) || { echo "install.sh: could not get the Go toolchain of playground/go.mod" >&2; exit 1; }
