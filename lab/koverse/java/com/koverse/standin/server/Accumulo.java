package com.koverse.standin.server;

import com.google.gson.Gson;
import com.koverse.standin.Settings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.accumulo.core.client.BatchWriterConfig;
import org.apache.accumulo.core.client.MultiTableBatchWriter;
import org.apache.accumulo.core.client.Scanner;
import org.apache.accumulo.core.client.TableExistsException;
import org.apache.accumulo.core.data.Mutation;
import org.apache.accumulo.core.data.Value;
import org.apache.hadoop.io.Text;

/** The records, in the five tables of Koverse's instance prefix. */
final class Accumulo {
    private static final String[] TABLES = {"index", "record", "samples", "field_stats", "schema"};
    private static final int SCANNED_ENTRIES = 100;
    private static final int SCAN_SECONDS = 5;
    private static final int COUNT_SECONDS = 60;
    private static final int WRITE_SECONDS = 20;
    private static final int SAMPLES = 64;

    private final Settings settings;
    private final String prefix;
    private final Gson gson = new Gson();
    private volatile AccumuloConnection connection;
    private boolean tablesCreated;

    Accumulo(Settings settings) {
        this.settings = settings;
        this.prefix = settings.text("instancePrefix", "kv") + "_";
    }

    /** Scans each table. Creates them only until all were there once: later a missing one may be a restore under way. */
    void check() throws Exception {
        if (connection == null) {
            connection = new AccumuloConnection(settings.text("dataStoreSetting.instanceName"),
                    settings.text("dataStoreSetting.zookeeperServers"),
                    settings.text("dataStoreSetting.username"), settings.text("dataStoreSetting.password"));
        }
        for (String table : TABLES) {
            String name = prefix + table;
            if (!connection.tables().exists(name)) {
                if (tablesCreated) {
                    throw new IOException("table " + name + " is missing");
                }
                create(name);
            }
            scan(name);
        }
        tablesCreated = true;
    }

    void write(String dataSet, List<Map<String, String>> records) throws Exception {
        MultiTableBatchWriter writer = connection.writer(new BatchWriterConfig().setTimeout(WRITE_SECONDS, TimeUnit.SECONDS));
        try {
            for (Map<String, String> record : records) {
                add(writer, dataSet, record);
            }
        } finally {
            writer.close();
        }
    }

    /** The records of a data set (all when its name is empty), counted one by one. */
    long count(String dataSet) throws Exception {
        Scanner scanner = connection.scanner(prefix + "record");
        try {
            scanner.setTimeout(COUNT_SECONDS, TimeUnit.SECONDS);
            if (!dataSet.isEmpty()) {
                scanner.fetchColumnFamily(new Text(dataSet));
            }
            long records = 0;
            for (Iterator<?> entries = scanner.iterator(); entries.hasNext(); entries.next()) {
                records++;
            }
            return records;
        } finally {
            scanner.close();
        }
    }

    private void create(String table) throws Exception {
        try {
            connection.tables().create(table);
        } catch (TableExistsException e) {
            // the standby server was faster
        }
    }

    private void scan(String table) throws Exception {
        Scanner scanner = connection.scanner(table);
        try {
            scanner.setTimeout(SCAN_SECONDS, TimeUnit.SECONDS);
            scanner.setBatchSize(SCANNED_ENTRIES);
            Iterator<?> entries = scanner.iterator();
            for (int i = 0; i < SCANNED_ENTRIES && entries.hasNext(); i++) {
                entries.next();
            }
        } catch (RuntimeException e) {
            throw new IOException("scanning " + table + ": " + Dependency.reason(e), e);
        } finally {
            scanner.close();
        }
    }

    /** The same record written twice leaves the same entries. */
    private void add(MultiTableBatchWriter writer, String dataSet, Map<String, String> record) throws Exception {
        String id = record.get(Records.ID);
        String json = gson.toJson(record);
        put(writer, "record", id, dataSet, "", json);
        put(writer, "samples", dataSet, "sample", String.valueOf(Math.floorMod(id.hashCode(), SAMPLES)), json);
        for (Map.Entry<String, String> field : record.entrySet()) {
            put(writer, "index", field.getKey() + "=" + field.getValue(), dataSet, id, "");
            put(writer, "field_stats", dataSet, field.getKey(), "last", field.getValue());
            put(writer, "schema", dataSet, field.getKey(), "type", "text");
        }
    }

    private void put(MultiTableBatchWriter writer, String table, String row, String family, String qualifier, String value)
            throws Exception {
        Mutation mutation = new Mutation(new Text(row));
        mutation.put(new Text(family), new Text(qualifier), new Value(value.getBytes(StandardCharsets.UTF_8)));
        writer.getBatchWriter(prefix + table).addMutation(mutation);
    }
}
