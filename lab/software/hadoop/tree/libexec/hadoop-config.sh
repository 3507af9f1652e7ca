# Sourced by bin/hadoop, hdfs, yarn and mapred. Written for the lab: Apache's scripts are not in its Maven archives.
# A command fills CLASSES (subcommand -> Java class and its first argument) and DAEMONS, then calls hadoop_run PREFIX "$@".
# As with Apache's scripts, PREFIX names the variables for one subcommand: HDFS_NAMENODE_OPTS, YARN_NODEMANAGER_OPTS.

declare -A CLASSES
DAEMONS=""

hadoop_fail() { echo "ERROR: $1" >&2; exit 1; }

hadoop_usage() {
  echo "Usage: ${0##*/} [--config DIR] [--daemon start|stop|status] [--loglevel LEVEL] SUBCOMMAND [ARGUMENTS]"
  echo "Subcommands: $(printf '%s\n' classpath "${!CLASSES[@]}" | sort | tr '\n' ' ')"
}

hadoop_environment() {
  export HADOOP_CONF_DIR=${HADOOP_CONF_DIR:-$HADOOP_HOME/etc/hadoop}
  [[ -d $HADOOP_CONF_DIR ]] || hadoop_fail "Cannot find configuration directory \"$HADOOP_CONF_DIR\""
  local file
  for file in hadoop-env.sh "${1,,}-env.sh"; do
    [[ -f $HADOOP_CONF_DIR/$file ]] && . "$HADOOP_CONF_DIR/$file"
  done
  [[ -x $JAVA_HOME/bin/java ]] || hadoop_fail "JAVA_HOME is not set and could not be found."
  export HADOOP_LOG_DIR=${HADOOP_LOG_DIR:-$HADOOP_HOME/logs}
  HADOOP_PID_DIR=${HADOOP_PID_DIR:-/tmp}
  HADOOP_IDENT_STRING=${HADOOP_IDENT_STRING:-$(id -un)}
}

hadoop_classpath() {
  local share=$HADOOP_HOME/share/hadoop
  # The directories themselves carry webapps/.
  CLASSPATH="$HADOOP_CONF_DIR:$share/common/lib/*:$share/common/*:$share/hdfs:$share/hdfs/*"
  CLASSPATH+=":$share/mapreduce/*:$share/yarn:$share/yarn/*:$share/tools/lib/*${HADOOP_CLASSPATH:+:$HADOOP_CLASSPATH}"
  export CLASSPATH
}

# hadoop_options PREFIX SUBCOMMAND LOGGER LOGFILE
hadoop_options() {
  local specific="${1}_${2^^}_OPTS"
  [[ " $DAEMONS " == *" $2 "* ]] || HADOOP_OPTS="$HADOOP_OPTS $HADOOP_CLIENT_OPTS"
  HADOOP_OPTS="$HADOOP_OPTS ${!specific}"
  # A heap set for the subcommand wins over the general one.
  [[ -n $HADOOP_HEAPSIZE_MAX && $HADOOP_OPTS != *-Xmx* ]] && HADOOP_OPTS+=" -Xmx${HADOOP_HEAPSIZE_MAX/%[0-9]/&m}"
  [[ -n $HADOOP_HEAPSIZE_MIN && $HADOOP_OPTS != *-Xms* ]] && HADOOP_OPTS+=" -Xms${HADOOP_HEAPSIZE_MIN/%[0-9]/&m}"
  if [[ -e $JAVA_HOME/lib/modules ]]; then # Java 9 and later
    local package
    for package in io lang lang.reflect math net nio text util util.concurrent util.zip; do
      HADOOP_OPTS+=" --add-opens=java.base/java.$package=ALL-UNNAMED"
    done
  fi
  HADOOP_OPTS+=" -Djava.net.preferIPv4Stack=true -Dhadoop.home.dir=$HADOOP_HOME -Dhadoop.id.str=$HADOOP_IDENT_STRING"
  HADOOP_OPTS+=" -Dhadoop.log.dir=$HADOOP_LOG_DIR -Dhadoop.log.file=$4 -Dhadoop.root.logger=$3"
  HADOOP_OPTS+=" -Dyarn.home.dir=$HADOOP_HOME -Dyarn.log.dir=$HADOOP_LOG_DIR -Dyarn.log.file=$4 -Dyarn.root.logger=$3"
}

# hadoop_daemon start|stop|status SUBCOMMAND CLASS [ARGUMENTS]; status answers 0 running, 1 dead, 3 stopped
hadoop_daemon() {
  local action=$1 name="hadoop-$HADOOP_IDENT_STRING-$2" pid=""
  local pidfile=$HADOOP_PID_DIR/$name.pid out=$HADOOP_LOG_DIR/$name-$HOSTNAME.out
  [[ -f $pidfile ]] && pid=$(<"$pidfile")
  case $action in
    start)
      [[ -n $pid ]] && kill -0 "$pid" 2>/dev/null && hadoop_fail "$2 is running as process $pid.  Stop it first."
      mkdir -p "$HADOOP_LOG_DIR" "$HADOOP_PID_DIR"
      nohup "$JAVA_HOME/bin/java" "-Dproc_$2" $HADOOP_OPTS "${@:3}" >"$out" 2>&1 </dev/null &
      echo $! >"$pidfile"
      ;;
    stop)
      [[ -n $pid ]] || exit 0
      kill "$pid" 2>/dev/null
      local -i waited=0 limit=$((10 * ${HADOOP_STOP_TIMEOUT:-5}))
      while kill -0 "$pid" 2>/dev/null && ((waited++ < limit)); do sleep 0.1; done
      kill -9 "$pid" 2>/dev/null && echo "WARNING: $2 did not stop gracefully: killed" >&2
      rm -f "$pidfile"
      ;;
    status)
      [[ -n $pid ]] || { echo "$2 is stopped."; exit 3; }
      kill -0 "$pid" 2>/dev/null || { echo "$2 is stopped, but its pid file exists."; exit 1; }
      echo "$2 is running as process $pid."
      ;;
    *) hadoop_fail "--daemon takes start, stop or status" ;;
  esac
}

hadoop_run() {
  local prefix=$1 daemon="" level=INFO
  shift
  HADOOP_HOME=$(readlink -f "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/..")
  export HADOOP_HOME
  while [[ $1 == --* ]]; do
    case $1 in
      --config) export HADOOP_CONF_DIR=$2; shift 2 ;;
      --daemon) daemon=$2; shift 2 ;;
      --loglevel) level=$2; shift 2 ;;
      *) hadoop_usage; exit 0 ;;
    esac
  done
  [[ $# -gt 0 ]] || { hadoop_usage; exit 1; }
  local command=$1 logger logfile=${HADOOP_LOGFILE:-hadoop.log}
  shift
  hadoop_environment "$prefix"
  hadoop_classpath
  [[ $command == classpath ]] && { echo "$CLASSPATH"; exit 0; }
  logger=${HADOOP_ROOT_LOGGER:-$level,console}
  if [[ -n $daemon ]]; then
    [[ " $DAEMONS " == *" $command "* ]] || hadoop_fail "$command is not a daemon"
    logger=${HADOOP_DAEMON_ROOT_LOGGER:-$level,RFA}
    logfile=hadoop-$HADOOP_IDENT_STRING-$command-$HOSTNAME.log
  fi
  hadoop_options "$prefix" "$command" "$logger" "$logfile"
  local class=${CLASSES[$command]:-$command}
  [[ $class == *.* ]] || { hadoop_usage >&2; hadoop_fail "$command is not a known subcommand or Java class."; }
  if [[ -n $daemon ]]; then
    hadoop_daemon "$daemon" "$command" $class "$@"
  else
    exec "$JAVA_HOME/bin/java" "-Dproc_$command" $HADOOP_OPTS $class "$@"
  fi
}
