#!/usr/bin/env bash
# Stands in for Ant Media Server 3.0's change_server_mode.sh, as far as joining a cluster goes.
# Like the original it asks y/n about an address without a scheme; user-data has nobody to answer, so it ends with 1 and
# the node stays alone (Ant-Media-Server #7838). It edits the files and keys that the original edits.
set -u
server=$(cd "$(dirname "$0")" && pwd)
mode=${1:-} host=${2:-}

[ "$mode" = cluster ] || { echo "usage: $0 cluster URI" >&2; exit 1; }

case "$host" in
  mongodb://*|mongodb+srv://*|redis://*|127.0.0.1|localhost) ;;
  *)
    printf 'The value %s does not look like a connection string. Go on? (y/n) ' "$host"
    read -r answer || answer=""
    [ "$answer" = y ] || exit 1
    ;;
esac
case "$host" in
  mongo*|localhost|127.0.0.1) kind=mongodb ;;
  *) kind=redisdb ;;
esac

# As the original does: `&` and the delimiter of sed have to survive.
escaped=$(printf '%s' "$host" | sed 's/[&|\\]/\\&/g')
sed -i -e 's/<!-- cluster start$/<!-- cluster start -->/' -e 's/^cluster end -->/<!-- cluster end -->/' \
  "$server/conf/jee-container.xml"
sed -i -e "s|^clusterdb.host=.*|clusterdb.host=$escaped|" -e 's/^useGlobalIp=.*/useGlobalIp=false/' \
  "$server/conf/red5.properties"
for application in "$server"/webapps/*/WEB-INF/red5-web.properties; do
  sed -i -e "s|^db.type=.*|db.type=$kind|" -e "s|^db.host=.*|db.host=$escaped|" "$application"
done
systemctl stop antmedia
systemctl start antmedia
