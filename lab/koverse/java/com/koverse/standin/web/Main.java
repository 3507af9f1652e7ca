package com.koverse.standin.web;

import com.koverse.standin.Settings;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;
import org.apache.log4j.LogManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Listens at once, whether the server answers or not; every request asks the server anew. */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger("com.koverse.standin.web");
    private static final int FAILED = 1;
    private static final int NOT_CONFIGURED = 2;

    private Main() {}

    public static void main(String[] arguments) {
        LOG.info("starting: this is a stand-in for Koverse, not Koverse");
        try {
            run(Settings.read(System.getProperty("koverse.home") + "/conf/koverse-webapp.properties"));
        } catch (Settings.Wrong e) {
            giveUp(e.getMessage(), NOT_CONFIGURED);
        } catch (IOException e) {
            giveUp(e.getMessage(), FAILED);
        } catch (RuntimeException | Error e) {
            LOG.error("unexpected", e);
            giveUp(e.toString(), FAILED);
        }
    }

    private static void run(Settings settings) throws Settings.Wrong, IOException {
        if (settings.text("com.koverse.webapp.jetty.https.enabled", "false").equals("true")) {
            throw new IOException("com.koverse.webapp.jetty.https.enabled is true, but the stand-in has no HTTPS");
        }
        int port = settings.number("com.koverse.webapp.jetty.http.port", 8080, 1, 65535);
        String host = settings.text("com.koverse.server.thrift.host", "localhost");
        HttpServer http = open(port);
        http.createContext("/", new Pages(host));
        http.setExecutor(Executors.newCachedThreadPool());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            LOG.info("stopped");
            LogManager.shutdown();
            Runtime.getRuntime().halt(0);
        }, "stop"));
        http.start();
        LOG.info("listening on port {}, asking the server on {}", port, host);
    }

    private static HttpServer open(int port) throws IOException {
        try {
            return HttpServer.create(new InetSocketAddress(port), 0);
        } catch (IOException e) {
            throw new IOException("cannot listen on port " + port + ": " + e.getMessage(), e);
        }
    }

    private static void giveUp(String reason, int status) {
        LOG.error("not started: {}", reason);
        System.err.println("koverse-webapp (stand-in) not started: " + reason);
        LogManager.shutdown();
        Runtime.getRuntime().halt(status);
    }
}
