#!/usr/bin/env bash
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/zkEnv.sh"
exec "$JAVA" "${LOG_OPTIONS[@]}" $CLIENT_JVMFLAGS $JVMFLAGS org.apache.zookeeper.ZooKeeperMain "$@"
