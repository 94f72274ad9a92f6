#!/usr/bin/env bash
# Make this checkout ready: the virtual environment .venv/ and HAProxy, with the argument `browser` also Chromium. Costs
# milliseconds when there is nothing to do, and may be interrupted, repeated and run twice at once. PYTHON=... chooses the
# interpreter, CHROMIUM=... the browser; pip's own configuration chooses the index. Root (or sudo) is asked for only when
# one of the distribution's packages is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/lib.sh
source scripts/lib.sh

STAMP=.venv/.setup # what .venv was made from; IN_PROGRESS from its first moment until everything is in it
IN_PROGRESS='in progress'

# A checkout that was moved or copied needs a new environment, hence its path: scripts in bin/ name their interpreter.
fingerprint() {
  { pwd -P && cat requirements/dev.txt pyproject.toml scripts/setup.sh; } | sha256sum | cut -d ' ' -f 1
}

identity() { "$1" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null; }

# .venv has a working interpreter, here, and it is the one that PYTHON asks for, if it asks.
venv_fits() {
  local had
  had=$(identity .venv/bin/python) || return 1
  [ "$(sed -n 2p "$STAMP" 2>/dev/null)" = "$(pwd -P)" ] || [ ! -e "$STAMP" ] || return 1
  [ -z "${PYTHON:-}" ] || [ "$had" = "$(identity "$PYTHON")" ]
}

venv_is_current() { [ "$(head -n 1 "$STAMP" 2>/dev/null)" = "$(fingerprint)" ] && venv_fits; }

# Only tests open a browser, and it is large: whoever runs the demo need not have it.
browser_is_there() {
  [ "$1" = browser ] || return 0
  local candidates=(chromium google-chrome) candidate
  [ -z "${CHROMIUM:-}" ] || candidates=("$CHROMIUM")
  for candidate in "${candidates[@]}"; do
    if command -v "$candidate" >/dev/null; then return; fi
  done
  return 1
}

haproxy_is_there() { command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ]; }

# 3.14 and above: SecantusDB, the MongoDB of the tests, has no build for them.
supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

can_make_venvs() { "$1" -c 'import ensurepip, venv' 2>/dev/null; }

# The first supported Python that can make an environment; else the first supported one, made able to.
choose_python() {
  local candidates=(python3.13 python3.12 python3.11 python3) candidate incomplete=""
  [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
  for candidate in "${candidates[@]}"; do
    supported "$candidate" || continue
    can_make_venvs "$candidate" && printf '%s' "$candidate" && return
    incomplete=${incomplete:-$candidate}
  done
  [ -n "$incomplete" ] ||
    die "no Python 3.11, 3.12 or 3.13 among: ${candidates[*]}. Install one (apt-get install python3) or name it: PYTHON=..."
  # Debian and Ubuntu keep ensurepip in a package of its own.
  apt_install "$("$incomplete" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
  can_make_venvs "$incomplete" || die "$incomplete has no ensurepip module, so it cannot make a virtual environment"
  printf '%s' "$incomplete"
}

make_venv() {
  local python
  python=$(choose_python)
  say "making .venv with $("$python" --version)"
  rm -rf .venv
  mkdir .venv
  echo "$IN_PROGRESS" >"$STAMP"
  quietly "$python" -m venv .venv
}

pip_install() { quietly .venv/bin/python -m pip --disable-pip-version-check --no-input install "$@"; }

fill_venv() {
  local made_from secantusdb
  made_from=$(fingerprint)
  secantusdb=$(sed -n 's/.*"\(SecantusDB[^"]*\)".*/\1/p' pyproject.toml)
  [ -n "$secantusdb" ] || die "pyproject.toml names no range for SecantusDB"
  echo "$IN_PROGRESS" >"$STAMP"
  say "installing the pinned packages (about a minute when they are new)"
  # Wheels only: building one would fetch build tools that nobody pinned.
  pip_install --require-hashes --only-binary :all: -r requirements/dev.txt
  say "installing $secantusdb (by range: its old releases leave the index)"
  pip_install --only-binary :all: "$secantusdb"
  pip_install --no-index --no-deps --no-build-isolation --editable .
  printf '%s\n' "$made_from" "$(pwd -P)" >"$STAMP.new"
  mv "$STAMP.new" "$STAMP"
}

# Debian's package would start a service and enable it at boot. We run processes of our own, so for as long as this
# script lives (and not a moment longer, even if it is killed) services named haproxy may not be started.
SERVICE_POLICY=/usr/sbin/policy-rc.d

forbid_service() {
  local ours
  ours=$(mktemp)
  cat >"$ours" <<EOF
#!/bin/sh
case "\$1" in haproxy*) kill -0 $$ 2>/dev/null && exit 101 ;; esac
exit 0
EOF
  trap 'as_root rm -f "$SERVICE_POLICY"' EXIT
  as_root install -m 755 "$ours" "$SERVICE_POLICY" || die "HAProxy is missing, and installing it needs root or sudo"
  rm -f "$ours"
}

install_haproxy() {
  [ -e "$SERVICE_POLICY" ] || forbid_service
  apt_install haproxy
  # Init script and unit alike, whether systemd runs here or not.
  quietly as_root update-rc.d haproxy disable
}

# Ubuntu has Chromium as a snap only: there a browser must be at hand, as google-chrome or by CHROMIUM=...
install_browser() {
  [ -z "${CHROMIUM:-}" ] || die "CHROMIUM=$CHROMIUM is no program"
  apt_install chromium
}

main() {
  local extra=${1:-}
  if venv_is_current && haproxy_is_there && browser_is_there "$extra"; then return; fi
  exec 9<scripts/setup.sh # locking the script itself leaves no lock file behind
  flock --nonblock 9 || { say "waiting for another set-up of this checkout" && flock 9; }
  if ! venv_is_current; then
    if [ "$(head -n 1 "$STAMP" 2>/dev/null)" = "$IN_PROGRESS" ] || ! venv_fits; then make_venv; fi
    fill_venv
  fi
  haproxy_is_there || install_haproxy
  browser_is_there "$extra" || install_browser
  say "ready"
}

main "$@"
