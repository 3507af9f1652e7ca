package com.koverse.standin.server;

import com.koverse.standin.thrift.Arguments;
import com.koverse.standin.thrift.Exchange;
import com.koverse.standin.thrift.Port;
import com.koverse.standin.thrift.Processor;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TTransportException;

/** The Thrift ports and what they answer. */
final class Services {
    private static final int IDLE_MILLIS = 60_000;

    private final Health health;
    private final Records records;

    Services(Health health, Records records) {
        this.health = health;
        this.records = records;
    }

    /** Opens every port, or none: throws with each that another process holds. */
    void open() throws IOException {
        List<TServer> servers = new ArrayList<>();
        List<String> held = new ArrayList<>();
        ExecutorService threads = Executors.newCachedThreadPool();
        for (Port port : Port.values()) {
            try {
                servers.add(new TThreadPoolServer(
                        new TThreadPoolServer.Args(new TServerSocket(new InetSocketAddress(port.number), IDLE_MILLIS))
                                .protocolFactory(Exchange.protocol())
                                .processor(new Processor((method, arguments) -> call(port, method, arguments)))
                                .executorService(threads)));
            } catch (TTransportException e) {
                held.add(port.number + " (" + port.name().toLowerCase() + ")");
            }
        }
        if (!held.isEmpty()) {
            throw new IOException("another process holds port " + String.join(", ", held));
        }
        for (TServer server : servers) {
            new Thread(server::serve, "thrift").start();
        }
    }

    private Map<String, String> call(Port port, String method, Arguments arguments) throws Exception {
        if (method.equals("ping")) {
            return result("service", port.name().toLowerCase(), "software", "stand-in for Koverse");
        }
        if (method.equals("status")) {
            String problem = health.problem();
            return result("ready", String.valueOf(problem.isEmpty()), "problem", problem);
        }
        if (port.records && method.equals("put")) {
            requireReady();
            records.write(arguments.dataSet, arguments.records);
            return result("written", String.valueOf(arguments.records.size()));
        }
        if (port.records && method.equals("count")) {
            requireReady();
            return result("records", String.valueOf(records.countRecords(arguments.dataSet)),
                    "rows", String.valueOf(records.countRows(arguments.dataSet)));
        }
        return null;
    }

    private void requireReady() throws IOException {
        String problem = health.problem();
        if (!problem.isEmpty()) {
            throw new IOException("not ready: " + problem);
        }
    }

    private static Map<String, String> result(String... namesAndValues) {
        Map<String, String> result = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            result.put(namesAndValues[i], namesAndValues[i + 1]);
        }
        return result;
    }
}
