package com.koverse.standin.server;

import com.koverse.standin.Settings;
import java.io.IOException;
import org.apache.log4j.LogManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Waits until all it needs serves, then opens the Thrift ports, and says when something is lost and back again. */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger("com.koverse.standin.server");
    private static final int FAILED = 1;
    private static final int NOT_CONFIGURED = 2;
    private static final int LOOK_MILLIS = 100;
    private static final int FINISH_SECONDS = 20;

    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        LOG.info("starting: this is a stand-in for Koverse, not Koverse");
        try {
            run(Settings.read(System.getProperty("koverse.home") + "/conf/koverse-server.properties",
                    "com.koverse.server.jdbc.url", "com.koverse.server.jdbc.user", "com.koverse.server.jdbc.password",
                    "dataStoreSetting.instanceName", "dataStoreSetting.username", "dataStoreSetting.password",
                    "dataStoreSetting.zookeeperServers"));
        } catch (Settings.Wrong e) {
            giveUp(e.getMessage(), NOT_CONFIGURED);
        } catch (IOException e) {
            giveUp(e.getMessage(), FAILED);
        } catch (RuntimeException | Error e) {
            LOG.error("unexpected", e);
            giveUp(e.toString(), FAILED);
        }
    }

    private static void run(Settings settings) throws Settings.Wrong, IOException, InterruptedException {
        int startSeconds = settings.number("standin.dependency.timeout.seconds", 120, 1, 3600);
        int checkSeconds = settings.number("standin.check.interval.seconds", 5, 1, 300);
        Postgres postgres = new Postgres(settings);
        Quorum quorum = new Quorum(settings);
        Hdfs hdfs = new Hdfs();
        Accumulo accumulo = new Accumulo(settings);
        Dependency zookeeper = new Dependency("ZooKeeper", checkSeconds, quorum::check);
        Health health = new Health(
                new Dependency("PostgreSQL", checkSeconds, postgres::check),
                zookeeper,
                new Dependency("HDFS", checkSeconds, hdfs::check),
                // without ZooKeeper its client would hang, and log much
                new Dependency("Accumulo", zookeeper, checkSeconds, accumulo::check));
        Records records = new Records(postgres, accumulo);
        stopInOrder(records);

        health.watch();
        long deadline = System.nanoTime() + startSeconds * 1_000_000_000L;
        Picture picture = new Picture();
        for (String problem = health.problem(); !problem.isEmpty(); problem = health.problem()) {
            if (picture.changed(problem)) {
                LOG.info("waiting for {}", problem);
            }
            if (System.nanoTime() > deadline) {
                throw new IOException("gave up after " + startSeconds + " s of waiting for " + problem);
            }
            Thread.sleep(LOOK_MILLIS);
        }
        new Services(health, records).open();
        LOG.info("ready");
        picture.changed("");
        while (true) {
            String problem = health.problem();
            if (picture.changed(problem)) {
                LOG.warn(problem.isEmpty() ? "ready again" : "not ready: {}", problem);
            }
            Thread.sleep(LOOK_MILLIS);
        }
    }

    /** Remembers what was last told; counters and times in a reason are no change of the picture. */
    private static final class Picture {
        private String told;

        boolean changed(String problem) {
            String bare = problem.replaceAll("[0-9]+", "#");
            boolean changed = !bare.equals(told);
            told = bare;
            return changed;
        }
    }

    /** On SIGTERM: finish the writes under way, then leave with status 0, as a service that was asked to stop does. */
    private static void stopInOrder(Records records) {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            LOG.info("stopping");
            try {
                if (!records.finish(FINISH_SECONDS)) {
                    LOG.warn("writes still under way after {} s are given up", FINISH_SECONDS);
                }
            } catch (InterruptedException e) {
                LOG.warn("interrupted while finishing the writes under way");
            }
            LOG.info("stopped");
            LogManager.shutdown();
            Runtime.getRuntime().halt(0);
        }, "stop"));
    }

    private static void giveUp(String reason, int status) {
        LOG.error("not started: {}", reason);
        System.err.println("koverse-server (stand-in) not started: " + reason);
        LogManager.shutdown();
        Runtime.getRuntime().halt(status);
    }
}
