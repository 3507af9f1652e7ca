# Sourced by zkServer.sh and zkCli.sh. Written for the lab: Apache's scripts are not in its Maven archives.
ZOOKEEPER_HOME=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/..")
if [[ $1 == --config ]]; then
  ZOOCFGDIR=$2
  shift 2
fi
if [[ -z $ZOOCFGDIR ]]; then
  [[ -d /etc/zookeeper ]] && ZOOCFGDIR=/etc/zookeeper || ZOOCFGDIR=$ZOOKEEPER_HOME/conf
fi
[[ -f $ZOOCFGDIR/zookeeper-env.sh ]] && . "$ZOOCFGDIR/zookeeper-env.sh"
[[ -f $ZOOCFGDIR/java.env ]] && . "$ZOOCFGDIR/java.env"
ZOO_LOG_DIR=${ZOO_LOG_DIR:-$ZOOKEEPER_HOME/logs}
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
CLASSPATH="$ZOOCFGDIR:$ZOOKEEPER_HOME/*:$ZOOKEEPER_HOME/lib/*${CLASSPATH:+:$CLASSPATH}"
SERVER_JVMFLAGS="-Xmx${ZK_SERVER_HEAP:-1000}m $SERVER_JVMFLAGS"
CLIENT_JVMFLAGS="-Xmx${ZK_CLIENT_HEAP:-256}m $CLIENT_JVMFLAGS"
LOG_OPTIONS=("-Dzookeeper.log.dir=$ZOO_LOG_DIR" "-Dzookeeper.log.file=zookeeper-$USER-server-$HOSTNAME.log"
  "-Dzookeeper.root.logger=${ZOO_LOG4J_PROP:-INFO,CONSOLE}")
export CLASSPATH
