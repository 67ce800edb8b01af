#!/usr/bin/env bash
# Prints the name of what this folder makes: DuckDB's version and a digest of everything that the result depends on, so that it is built again
# when, and only when, something of it changes. Read by ./dev and by cmake/RapidbyteGuest.cmake.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=cmake/versions.env
source ../versions.env
digest=$({
  echo "$DUCKDB_GUEST_SHA256 $DUCKDB_GUEST_COMMIT $ZIGLANG_SHA256"
  # The compiler and the headers that it reads; absent before the first set-up, which does not ask.
  "/usr/lib/llvm-$LLVM_VERSION/bin/clang" --version 2>/dev/null | head -n 1 || true
  cat /usr/include/wasm32-wasi/c++/v1/__config /usr/include/wasm32-wasi/c++/v1/version /usr/lib/wasm32-wasi/libc.a 2>/dev/null || true
  find . -type f ! -name '.*' ! -name '*~' | LC_ALL=C sort | while read -r file; do
    echo "$file"
    cat "$file"
  done
} | sha256sum)
echo "$DUCKDB_GUEST_VERSION-${digest:0:12}"
