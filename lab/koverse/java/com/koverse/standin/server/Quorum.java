package com.koverse.standin.server;

import com.koverse.standin.Settings;
import java.io.IOException;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;

/** ZooKeeper has a quorum when it reads for a session: servers without one keep no sessions. */
final class Quorum {
    private static final int SESSION_MILLIS = 10_000;

    private final String servers;
    private ZooKeeper client;

    Quorum(Settings settings) {
        servers = settings.text("dataStoreSetting.zookeeperServers");
    }

    void check() throws IOException, InterruptedException, KeeperException {
        if (client == null || !client.getState().isAlive()) {
            client = new ZooKeeper(servers, SESSION_MILLIS, event -> { });
        }
        try {
            client.exists("/", false);
        } catch (KeeperException.ConnectionLossException e) {
            throw new IOException("no quorum answers at " + servers, e);
        }
    }
}
