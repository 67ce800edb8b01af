#!/usr/bin/env bash
# Prints the name of what this folder makes: DuckDB's version and a digest of everything that the result depends on, so that it is built again
# when, and only when, something of it changes. Read by ./dev and by cmake/RapidbyteGuest.cmake.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=cmake/versions.env
source ../versions.env
digest=$({
  echo "$DUCKDB_GUEST_SHA256 $ZIGLANG_SHA256 $LLVM_VERSION"
  find . -type f ! -name '*.md' | LC_ALL=C sort | while read -r file; do
    echo "$file"
    cat "$file"
  done
} | sha256sum)
echo "$DUCKDB_GUEST_VERSION-${digest:0:12}"
