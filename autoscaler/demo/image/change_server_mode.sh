#!/usr/bin/env bash
# Stands in for Ant Media Server 3.0's change_server_mode.sh, as far as joining a cluster goes.
# Like the original, it asks y/n about an address without a scheme; user-data has nobody to answer, so it ends with 1 and
# the node stays alone (Ant-Media-Server #7838). It writes the keys that the original edits in conf/red5.properties.
set -u
folder=$(cd "$(dirname "$0")" && pwd)
mode=${1:-} host=${2:-}

case "$mode" in
  cluster) ;;
  standalone) rm -f "$folder/conf/red5.properties"; exit 0 ;;
  *) echo "usage: $0 standalone|cluster [URI]" >&2; exit 1 ;;
esac

case "$host" in
  mongodb://*|mongodb+srv://*|redis://*|127.0.0.1|localhost) ;;
  *)
    printf 'The value %s does not look like a connection string. Go on? (y/n) ' "$host"
    read -r answer || answer=""
    [ "$answer" = y ] || exit 1
    ;;
esac

printf 'clusterdb.host=%s\nclusterdb.user=\nclusterdb.password=\nuseGlobalIp=false\n' "$host" \
  >"$folder/conf/red5.properties"
systemctl restart antmedia
