#!/bin/sh
# Runs the stand-in for @TITLE@ in the foreground; /etc/init.d/@NAME@ calls it.
@OPTIONS@
home=/opt/@NAME@
log=/var/log/@NAME@
# JAVA_OPTS holds several words
# shellcheck disable=SC2086
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" $JAVA_OPTS -Dkoverse.home="$home" -Dlog4j.configuration="file:$home/conf/log4j.xml" \
    -cp "$home/conf:$home/lib/*:${HADOOP_CONF_DIR:-/etc/hadoop}" @MAIN@ >>"$log/stdout" 2>>"$log/stderr"
