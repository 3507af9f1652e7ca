# Sourced by bin/accumulo, which sets cmd, bin, basedir, conf and lib.
ACCUMULO_LOG_DIR=${ACCUMULO_LOG_DIR:-$basedir/logs}
HADOOP_HOME=${HADOOP_HOME:-/opt/hadoop}
HADOOP_CONF_DIR=${HADOOP_CONF_DIR:-$HADOOP_HOME/etc/hadoop}
ZOOKEEPER_HOME=${ZOOKEEPER_HOME:-/opt/zookeeper}

# ZooKeeper's logging jars would win over Accumulo's log4j 2.
ZK_JARS=$(find "$ZOOKEEPER_HOME/lib" -name '*.jar' -not -name '*slf4j*' -not -name '*log4j*' -not -name '*logback*' | paste -sd:)
export CLASSPATH="$conf:$lib/*:$HADOOP_CONF_DIR:$ZK_JARS:$HADOOP_HOME/share/hadoop/client/*"

JAVA_OPTS=(-XX:-OmitStackTraceInFastThrow -Djava.net.preferIPv4Stack=true "-XX:OnOutOfMemoryError=kill -9 %p"
  "-Daccumulo.native.lib.path=$lib/native" "-Daccumulo.log.dir=$ACCUMULO_LOG_DIR"
  "-Daccumulo.application=${ACCUMULO_SERVICE_INSTANCE:-$cmd}_$(hostname)")
case $cmd in
  tserver) JAVA_OPTS+=(-Xmx768m) ;;
  manager) JAVA_OPTS+=(-Xmx512m) ;;
  *) JAVA_OPTS+=(-Xmx256m) ;;
esac
case $cmd in
  monitor | gc | manager | tserver | compaction-coordinator | compactor)
    JAVA_OPTS+=(-Dlog4j.configurationFile=log4j2-service.properties) ;;
esac
