#!/usr/bin/env bash
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"

ZOOCFG=${2:-zoo.cfg}
[[ $ZOOCFG == */* ]] || ZOOCFG=$ZOOCFGDIR/$ZOOCFG
echo "Using config: $ZOOCFG" >&2

setting() { sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "$ZOOCFG"; }

SERVER=("$JAVA" "${LOG_OPTIONS[@]}" -XX:+HeapDumpOnOutOfMemoryError "-XX:OnOutOfMemoryError=kill -9 %p"
  $SERVER_JVMFLAGS $JVMFLAGS org.apache.zookeeper.server.quorum.QuorumPeerMain "$ZOOCFG")
PIDFILE=${ZOOPIDFILE:-$(setting dataDir)/zookeeper_server.pid}

case $1 in
  start-foreground) exec "${SERVER[@]}" ;;
  print-cmd) echo "${SERVER[@]}" ;;
  start)
    if [[ -f $PIDFILE ]] && kill -0 "$(<"$PIDFILE")" 2>/dev/null; then
      echo "already running as process $(<"$PIDFILE")."
      exit 1
    fi
    mkdir -p "$ZOO_LOG_DIR" "$(dirname "$PIDFILE")"
    nohup "${SERVER[@]}" >"$ZOO_LOG_DIR/zookeeper-$USER-server-$HOSTNAME.out" 2>&1 </dev/null &
    echo -n $! >"$PIDFILE"
    ;;
  stop)
    [[ -f $PIDFILE ]] || { echo "no zookeeper to stop (could not find file $PIDFILE)"; exit 0; }
    kill "$(<"$PIDFILE")"
    rm "$PIDFILE"
    ;;
  restart)
    "$0" --config "$ZOOCFGDIR" stop "$ZOOCFG"
    "$0" --config "$ZOOCFGDIR" start "$ZOOCFG"
    ;;
  status)
    address=$(setting clientPortAddress)
    mode=$("$JAVA" "${LOG_OPTIONS[@]}" $CLIENT_JVMFLAGS org.apache.zookeeper.client.FourLetterWordMain \
      "${address:-localhost}" "$(setting clientPort)" srvr 2>/dev/null | grep Mode)
    [[ -n $mode ]] || { echo "Error contacting service. It is probably not running."; exit 1; }
    echo "$mode"
    ;;
  version) "$JAVA" org.apache.zookeeper.version.VersionInfoMain ;;
  *) echo "Usage: $0 [--config <conf-dir>] {start|start-foreground|stop|version|restart|status|print-cmd}" >&2; exit 1 ;;
esac
