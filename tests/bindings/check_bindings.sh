#!/usr/bin/env bash
# Regenerates the committed bindings from the WIT and compares them, or with --write puts them in place. Where the generator is not installed the test
# is skipped (exit 77); `./dev bindings` installs it and rewrites them.
#
#   check_bindings.sh GENERATOR ROOT [--write]
set -euo pipefail
generator="$1"
root="$2"
write="${3:-}"
[[ -x "$generator" ]] || { echo "wit-bindgen is not installed; run ./dev bindings"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
generate() {  # WIT folder, committed folder, worlds
  local world
  for world in $3; do
    "$generator" c "$root/wit/$1" --world "rapidbyte-$world" --out-dir "$work/$1/$world" >/dev/null 2>&1
    if [[ "$write" == --write ]]; then
      rm -rf "${root:?}/$2/$world"
      mkdir -p "$root/$2"
      cp -r "$work/$1/$world" "$root/$2/$world"
    else
      diff -rq "$work/$1/$world" "$root/$2/$world" || status=1
    fi
  done
}
generate 2.1.0 sdk/cpp/bindings "source destination transform multi"
generate 2.0.0 tests/guests/bindings/2.0.0 "source destination transform"
generate 2.0.0-dlq tests/guests/bindings/2.0.0-dlq "source destination transform"
exit $status
