package com.koverse.standin.server;

import java.util.Properties;
import org.apache.accumulo.core.client.Accumulo;
import org.apache.accumulo.core.client.AccumuloClient;
import org.apache.accumulo.core.client.BatchWriterConfig;
import org.apache.accumulo.core.client.MultiTableBatchWriter;
import org.apache.accumulo.core.client.Scanner;
import org.apache.accumulo.core.client.TableNotFoundException;
import org.apache.accumulo.core.client.admin.TableOperations;
import org.apache.accumulo.core.security.Authorizations;

/** Accumulo 2.1, whose client comes from the AccumuloClient builder. */
final class AccumuloConnection {
    private final AccumuloClient client;

    AccumuloConnection(String instance, String zookeepers, String user, String password) {
        Properties properties = new Properties();
        properties.setProperty("instance.name", instance);
        properties.setProperty("instance.zookeepers", zookeepers);
        properties.setProperty("instance.zookeepers.timeout", "10s");
        properties.setProperty("auth.type", "password");
        properties.setProperty("auth.principal", user);
        properties.setProperty("auth.token", password);
        client = Accumulo.newClient().from(properties).build();
    }

    TableOperations tables() {
        return client.tableOperations();
    }

    Scanner scanner(String table) throws TableNotFoundException {
        return client.createScanner(table, Authorizations.EMPTY);
    }

    MultiTableBatchWriter writer(BatchWriterConfig config) {
        return client.createMultiTableBatchWriter(config);
    }
}
