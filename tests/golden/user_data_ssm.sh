#!/bin/bash
# Makes this instance a node of an Ant Media Server cluster. Rendered by autoscaler; cloud-init runs it as root at the
# first boot, and at no later one: what those need stays on the disk. A second run on a joined node changes nothing.
# A node that cannot join must not serve: it would come up standalone, take viewers and know none of the cluster's
# streams. So whatever goes wrong, the service is stopped and disabled, the reason is on the console, and the exit code
# is not 0.
#
# Needs bash, coreutils, sed, grep, systemctl, and curl or python3; the aws CLI when the URI is a reference to a secret.
# For sandboxes only: AMS_DIR, SYSTEMD_DIR, AWS_EC2_METADATA_SERVICE_ENDPOINT.
set -uo pipefail

mongodb='ssm:/ams/mongodb-uri'
secret_attempts=15
ams=${AMS_DIR:-/usr/local/antmedia}
drop_in=${SYSTEMD_DIR:-/etc/systemd/system}/antmedia.service.d/autoscaler.conf
tmpfiles=${SYSTEMD_DIR:-/etc}/tmpfiles.d/autoscaler.conf
imds=${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}
imds=${imds%/}
marker=$ams/conf/autoscaler-joined
log=
joined=no

say() { printf 'autoscaler: %s\n' "$*" >&2; }

die() {
  say "FATAL: $*"
  exit 1
}

# Runs at every end of the script, by a signal or a bug too.
finish() {
  local code=$?
  trap - EXIT
  [[ -z $log ]] || rm -f -- "$log"
  [[ $joined == yes ]] && exit 0
  say "FATAL: this node did not join the cluster; antmedia is stopped and disabled so that it serves nobody"
  systemctl stop antmedia || say "systemctl stop antmedia failed"
  systemctl disable antmedia || say "systemctl disable antmedia failed"
  ((code)) || code=1
  exit "$code"
}
trap finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# http METHOD URL HEADER: the body on stdout. Past every proxy: the metadata service is on this host.
http() {
  if command -v curl >/dev/null; then
    curl --fail --silent --noproxy '*' --max-time 3 --request "$1" --header "$3" "$2"
  else
    python3 -c 'import sys, urllib.request as u
method, url, header = sys.argv[1:]
request = u.Request(url, method=method, headers=dict([header.split(": ", 1)]))
sys.stdout.write(u.build_opener(u.ProxyHandler({})).open(request, timeout=3).read().decode())' "$@" 2>/dev/null
  fi
}

# metadata PATH: one value of the instance metadata, by IMDSv2.
metadata() {
  local token attempt
  for ((attempt = 1; attempt <= 10; attempt++)); do
    if token=$(http PUT "$imds/latest/api/token" 'X-aws-ec2-metadata-token-ttl-seconds: 300') &&
      http GET "$imds/latest/meta-data/$1" "X-aws-ec2-metadata-token: $token"; then
      return 0
    fi
    sleep 1
  done
  return 1
}

# secret COMMAND...: what the aws CLI prints. The role's credentials can take seconds to appear after a boot.
secret() {
  local value attempt
  command -v aws >/dev/null || die "the MongoDB URI is a reference to a secret, and this image has no aws CLI"
  for ((attempt = 1; attempt <= secret_attempts; attempt++)); do
    if value=$(aws --region "$region" --output text --cli-connect-timeout 3 --cli-read-timeout 5 "$@"); then
      printf '%s' "$value"
      return 0
    fi
    say "reading the secret failed ($attempt of $secret_attempts)"
    sleep 2
  done
  return 1
}

# setting FILE KEY: the value of a key in a properties file, of the last line that sets it, as Java reads it.
# The value is compared in this shell, so it never appears on a command line.
setting() { sed -n "s/^$2=//p" "$1" | tail -n 1; }

# Whether the switch to cluster mode is written in every place that AMS reads; $why says what is not.
in_cluster_mode() {
  local app container=$ams/conf/jee-container.xml
  why="conf/red5.properties has another clusterdb.host"
  [[ $(setting "$ams/conf/red5.properties" clusterdb.host) == "$uri" ]] || return 1
  why="the cluster block of conf/jee-container.xml is still a comment"
  if [[ -e $container ]]; then
    grep -qF '<!-- cluster start -->' "$container" && grep -qF '<!-- cluster end -->' "$container" || return 1
  fi
  for app in "$ams"/webapps/*/WEB-INF/red5-web.properties; do
    [[ -e $app ]] || continue
    why="${app#"$ams"/} has another db.type or db.host"
    grep -q '^db\.type=' "$app" || continue
    [[ $(setting "$app" db.type) == mongodb && $(setting "$app" db.host) == "$uri" ]] || return 1
  done
  return 0
}

# AMS takes the first address of the first interface, which may be docker0's: tell it.
write_drop_in() {
  mkdir -p -- "${drop_in%/*}" &&
    printf '[Service]\nEnvironment=AMS_HOST_ADDRESS=%s\n' "$ip" >"$drop_in" &&
    systemctl daemon-reload
}

# A node that is stopped and started again comes up by itself, in the cluster, and joins anew. But stopping may take AMS
# longer than systemd waits, and leave it .initialized without .closed (see below): so every boot removes both, before any
# service starts ("!": at boot only. When the service restarts by itself, AMS may tidy up after its own crash).
write_boot_rules() {
  mkdir -p -- "${tmpfiles%/*}" &&
    printf 'r! %s\n' "$ams/webapps/*/.initialized" "$ams/webapps/*/.closed" >"$tmpfiles"
}

# What an image of a node that once ran must not bring along. With .initialized but no .closed AMS assumes a crash and
# resets the broadcasts of every node that are not tied to a host, rooms included: both go.
clean_image() (
  shopt -s nullglob
  rm -f -- "$ams/conf/instanceId" "$ams"/*.db "$ams"/*.db.* "$ams"/webapps/*/.initialized "$ams"/webapps/*/.closed
)

# AMS's own script, which also starts the service. It reads a yes from stdin for anything that does not look like a
# URI; there is nobody to say it. Its output goes to a file that only root reads, as it may repeat the URI.
change_mode() {
  local code line
  log=$(umask 077 && mktemp) || return 1
  (cd / && exec bash "$ams/change_server_mode.sh" cluster "$uri") </dev/null >"$log" 2>&1
  code=$?
  while IFS= read -r line || [[ -n $line ]]; do
    say "change_server_mode: ${line//"$uri"/(the MongoDB URI)}"
  done <"$log"
  return "$code"
}

[[ -f $ams/change_server_mode.sh ]] || die "there is no Ant Media Server in $ams"

command -v curl >/dev/null || command -v python3 >/dev/null || die "this image has neither curl nor python3"
id=$(metadata instance-id)
[[ $id == i-* ]] || die "the instance metadata service at $imds gives no instance id"
ip=$(metadata local-ipv4)
[[ $ip =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "the instance metadata service at $imds gives no local-ipv4"

uri=$mongodb
case $mongodb in
  ssm:* | secretsmanager:*)
    region=$(metadata placement/region) || die "the instance metadata service at $imds gives no region"
    ;;&
  ssm:*)
    uri=$(secret ssm get-parameter --with-decryption --name "${mongodb#ssm:}" --query Parameter.Value) ||
      die "the parameter ${mongodb#ssm:} cannot be read"
    ;;
  secretsmanager:*)
    uri=$(secret secretsmanager get-secret-value --secret-id "${mongodb#secretsmanager:}" --query SecretString) ||
      die "the secret ${mongodb#secretsmanager:} cannot be read"
    ;;
esac
[[ $uri =~ ^mongodb(\+srv)?://[A-Za-z0-9._~%:/?@\&=,+-]+$ ]] ||
  die "the secret is no mongodb:// URI of letters, digits and . _ ~ % : / ? @ & = , + - (percent-encode the rest)"

if [[ -f $marker && $(<"$marker") == "$id $ip" ]] && in_cluster_mode && systemctl is-active --quiet antmedia; then
  say "this node is in the cluster already"
  joined=yes
  exit 0
fi

# The image may have started the service, standalone, before cloud-init ran.
systemctl stop antmedia || say "systemctl stop antmedia failed; going on"
clean_image || die "cannot clean $ams"
touch -- "$ams/conf/initialized" || die "cannot write to $ams/conf" # without it anybody may create the first admin user
write_drop_in || die "cannot set AMS_HOST_ADDRESS in $drop_in"
write_boot_rules || die "cannot write $tmpfiles, so a later start could reset other nodes' streams"
change_mode || die "change_server_mode.sh failed"
in_cluster_mode || die "change_server_mode.sh reported success, but $why"
systemctl enable antmedia || die "systemctl enable antmedia failed"
systemctl start antmedia || die "systemctl start antmedia failed"
systemctl is-active --quiet antmedia || die "antmedia does not run"
printf '%s' "$id $ip" >"$marker" || die "cannot write $marker"
joined=yes
say "joined the cluster as $ip"
