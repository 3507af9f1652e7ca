package com.koverse.standin.server;

import org.apache.accumulo.core.client.AccumuloException;
import org.apache.accumulo.core.client.AccumuloSecurityException;
import org.apache.accumulo.core.client.BatchWriterConfig;
import org.apache.accumulo.core.client.Connector;
import org.apache.accumulo.core.client.MultiTableBatchWriter;
import org.apache.accumulo.core.client.Scanner;
import org.apache.accumulo.core.client.TableNotFoundException;
import org.apache.accumulo.core.client.ZooKeeperInstance;
import org.apache.accumulo.core.client.admin.TableOperations;
import org.apache.accumulo.core.client.security.tokens.PasswordToken;
import org.apache.accumulo.core.security.Authorizations;

/** Accumulo 1.9, whose client is the Connector of a ZooKeeperInstance. */
final class AccumuloConnection {
    private final Connector connector;

    AccumuloConnection(String instance, String zookeepers, String user, String password)
            throws AccumuloException, AccumuloSecurityException {
        connector = new ZooKeeperInstance(instance, zookeepers).getConnector(user, new PasswordToken(password));
    }

    TableOperations tables() {
        return connector.tableOperations();
    }

    Scanner scanner(String table) throws TableNotFoundException {
        return connector.createScanner(table, Authorizations.EMPTY);
    }

    MultiTableBatchWriter writer(BatchWriterConfig config) {
        return connector.createMultiTableBatchWriter(config);
    }
}
