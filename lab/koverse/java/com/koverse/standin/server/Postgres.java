package com.koverse.standin.server;

import com.koverse.standin.Settings;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The metadata: which data sets and records there are. A connection for each use: nothing to repair after an outage. */
final class Postgres {
    private static final String[] SCHEMA = {
        "CREATE TABLE IF NOT EXISTS koverse_data_set (name text PRIMARY KEY, created timestamptz NOT NULL DEFAULT now())",
        "CREATE TABLE IF NOT EXISTS koverse_record (data_set text REFERENCES koverse_data_set, id text,"
                + " written timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (data_set, id))",
    };

    private final String url;
    private final Properties properties = new Properties();
    private boolean schemaCreated;

    Postgres(Settings settings) {
        url = settings.text("com.koverse.server.jdbc.url");
        properties.setProperty("user", settings.text("com.koverse.server.jdbc.user"));
        properties.setProperty("password", settings.text("com.koverse.server.jdbc.password"));
        properties.setProperty("ApplicationName", "koverse-server stand-in");
        properties.setProperty("connectTimeout", "3");
        properties.setProperty("loginTimeout", "5");
        properties.setProperty("socketTimeout", "10");
    }

    void check() throws SQLException {
        try (Connection connection = connect(); Statement statement = connection.createStatement()) {
            if (!schemaCreated) {
                for (String table : SCHEMA) {
                    statement.execute(table);
                }
                schemaCreated = true;
            }
            statement.executeQuery("SELECT count(*) FROM koverse_data_set").close();
        }
    }

    /** Something that must succeed before the rows are committed. */
    interface Before {
        void commit() throws Exception;
    }

    /** Adds the rows of these records, all or none; a record that is there already stays. */
    void add(String dataSet, List<Map<String, String>> records, Before before) throws Exception {
        try (Connection connection = connect()) {
            connection.setAutoCommit(false);
            try (PreparedStatement statement =
                    connection.prepareStatement("INSERT INTO koverse_data_set (name) VALUES (?) ON CONFLICT DO NOTHING")) {
                statement.setString(1, dataSet);
                statement.executeUpdate();
            }
            try (PreparedStatement statement = connection.prepareStatement(
                    "INSERT INTO koverse_record (data_set, id) VALUES (?, ?) ON CONFLICT DO NOTHING")) {
                for (Map<String, String> record : records) {
                    statement.setString(1, dataSet);
                    statement.setString(2, record.get(Records.ID));
                    statement.addBatch();
                }
                statement.executeBatch();
            }
            before.commit();
            connection.commit();
        }
    }

    long count(String dataSet) throws SQLException {
        try (Connection connection = connect(); PreparedStatement statement =
                connection.prepareStatement("SELECT count(*) FROM koverse_record WHERE ? IN ('', data_set)")) {
            statement.setString(1, dataSet);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                return rows.getLong(1);
            }
        }
    }

    private Connection connect() throws SQLException {
        return DriverManager.getConnection(url, properties);
    }
}
