#!/usr/bin/env bash
# Build dist/*.tar.gz, build dist/*.whl from that archive, and run the wheel in a new environment outside the checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

checkout=$(pwd -P)
python=$checkout/.venv/bin/python
away=$(mktemp -d)
trap 'rm -rf "$away"' EXIT

say "building the source archive, and the wheel from it"
rm -rf dist
quietly "$python" -m hatchling build --target sdist --directory "$checkout/dist"
mkdir "$away/source"
tar --extract --file dist/*.tar.gz --directory "$away/source" --strip-components 1
(cd "$away/source" && quietly "$python" -m hatchling build --target wheel --directory "$checkout/dist")

say "installing the wheel into a new environment and running it"
quietly "$python" -m venv "$away/venv"
pip_install() { quietly "$away/venv/bin/python" -m pip --disable-pip-version-check --no-input install "$@"; }
pip_install --require-hashes --only-binary :all: -r requirements/run.txt
pip_install --no-index --no-deps dist/*.whl
quietly "$away/venv/bin/python" -m pip check
(cd "$away" && quietly "$away/venv/bin/autoscaler" --help && quietly "$away/venv/bin/python" -m autoscaler --help)
printf '%s\n' dist/*
