package com.koverse.standin.server;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** HDFS is writable when a file below /koverse can be written and deleted. */
final class Hdfs {
    private FileSystem fileSystem;

    void check() throws IOException {
        if (fileSystem == null) {
            fileSystem = open();
        }
        // an active server and its standby must not delete each other's file
        String host = InetAddress.getLocalHost().getHostName();
        Path file = new Path("/koverse/.stand-in-check-" + host);
        try (OutputStream out = fileSystem.create(file, true)) {
            out.write(host.getBytes(StandardCharsets.UTF_8));
        }
        if (!fileSystem.delete(file, false)) {
            throw new IOException("the file " + file + " was gone before it was deleted");
        }
    }

    private static FileSystem open() throws IOException {
        Configuration configuration = new Configuration();
        // Hadoop would close it while the server still finishes its writes
        configuration.setBoolean("fs.automatic.close", false);
        // the check is repeated anyway: it answers soon instead of trying long
        configuration.setInt("dfs.client.failover.max.attempts", 3);
        configuration.setInt("dfs.client.failover.sleep.max.millis", 1000);
        configuration.setInt("dfs.client.block.write.locateFollowingBlock.retries", 2);
        configuration.setInt("ipc.client.connect.max.retries", 1);
        configuration.setInt("ipc.client.connect.max.retries.on.timeouts", 1);
        configuration.setInt("ipc.client.connect.timeout", 3000);
        configuration.setInt("ipc.client.rpc-timeout.ms", 10_000);
        FileSystem fileSystem = FileSystem.newInstance(configuration);
        if (!"hdfs".equals(fileSystem.getUri().getScheme())) {
            throw new IOException("fs.defaultFS is " + fileSystem.getUri() + ": no core-site.xml of a cluster in HADOOP_CONF_DIR");
        }
        return fileSystem;
    }
}
