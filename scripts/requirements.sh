#!/usr/bin/env bash
# Pin and hash what pyproject.toml asks for, for every supported Python at once. No address is written: pip's own
# configuration chooses the index. SecantusDB stays out, since its old releases leave the index (docs/decisions/0007).
# Arguments go to uv: --upgrade takes the newest releases instead of keeping what still fits.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
  local output=$1
  shift
  UV_CUSTOM_COMPILE_COMMAND='make requirements' .venv/bin/python -m uv pip compile --quiet --universal \
    --python-version 3.11 --generate-hashes --no-annotate --no-emit-package secantusdb \
    --output-file "$output" "$@" pyproject.toml
  if grep -nE '://|^-' "$output"; then
    echo "$output holds an address or an option" >&2
    exit 1
  fi
}

compile requirements/dev.txt --extra dev "$@"
compile requirements/run.txt --constraint requirements/dev.txt "$@"
