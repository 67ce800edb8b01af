#!/usr/bin/env bash
# Regenerates the committed bindings from the WIT and compares them. Where the generator is not installed the test is
# skipped (exit 77); `./dev bindings` installs it and rewrites them.
set -euo pipefail
generator="$1"
root="$2"
[[ -x "$generator" ]] || { echo "wit-bindgen is not installed; run ./dev bindings"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
compare() {  # WIT folder, committed folder, worlds
  local world
  for world in $3; do
    "$generator" c "$root/wit/$1" --world "rapidbyte-$world" --out-dir "$work/$1/$world" >/dev/null 2>&1
    diff -rq "$work/$1/$world" "$root/$2/$world" || status=1
  done
}
compare 2.1.0 sdk/cpp/bindings "source destination transform multi"
compare 2.0.0 tests/guests/bindings/2.0.0 "source destination transform"
compare 2.0.0-dlq tests/guests/bindings/2.0.0-dlq "source destination transform"
exit $status
