package com.koverse.standin.server;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Records with their metadata: a row in PostgreSQL and entries in the five tables for each. */
final class Records {
    /** The field that names a record; the writer chooses it, so that a repeated write makes no second record. */
    static final String ID = "id";

    private static final int AT_ONCE = 16;

    private final Postgres postgres;
    private final Accumulo accumulo;
    private final Semaphore places = new Semaphore(AT_ONCE);

    Records(Postgres postgres, Accumulo accumulo) {
        this.postgres = postgres;
        this.accumulo = accumulo;
    }

    void write(String dataSet, List<Map<String, String>> records) throws Exception {
        if (dataSet.isEmpty()) {
            throw new IOException("the name of the data set is empty");
        }
        for (Map<String, String> record : records) {
            if (record.get(ID) == null || record.get(ID).isEmpty()) {
                throw new IOException("a record has no field " + ID);
            }
        }
        places.acquire();
        try {
            postgres.add(dataSet, records, () -> accumulo.write(dataSet, records));
        } finally {
            places.release();
        }
    }

    /** Records in Accumulo. */
    long countRecords(String dataSet) throws Exception {
        return accumulo.count(dataSet);
    }

    /** Rows in PostgreSQL. */
    long countRows(String dataSet) throws Exception {
        return postgres.count(dataSet);
    }

    /** Takes no further writes and waits for those under way; false when some were not done in time. */
    boolean finish(int seconds) throws InterruptedException {
        return places.tryAcquire(AT_ONCE, seconds, TimeUnit.SECONDS);
    }
}
