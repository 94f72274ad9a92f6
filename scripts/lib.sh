# shellcheck shell=bash
# Sourced by the scripts that set a machine up. Everything is said on stderr: stdout belongs to the command that follows.

say() { printf '[set-up] %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}

# Run a command without stdin and show what it printed only when it fails.
# Descriptor 9 is setup.sh's lock: whatever a package starts may not keep it.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null 9<&- || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# Run a command as root: directly, through sudo, or not at all.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 2 ]; then
    sudo "$@"
  else
    sudo -n "$@" # nobody is there to type a password
  fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"; }

# apt_install PACKAGE...: the distribution's packages, without their recommendations.
# The lists are fetched only if it does not work without: fresh containers have none, old machines stale ones.
apt_install() {
  command -v apt-get >/dev/null || die "this needs $*, and there is no apt-get: please install it yourself"
  [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
    die "this needs $*, and neither root nor sudo is at hand: please have it installed (apt-get install $*)"
  say "installing $* from the distribution"
  quietly apt install --no-install-recommends "$@" 2>/dev/null && return
  say "fetching the distribution's package lists first"
  quietly apt update || say "some package lists could not be fetched; trying with what there is"
  quietly apt install --no-install-recommends "$@" || die "could not install $*"
}
