package com.koverse.standin.web;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.koverse.standin.thrift.Arguments;
import com.koverse.standin.thrift.Exchange;
import com.koverse.standin.thrift.Port;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.thrift.TException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The page, and records to write and to count. */
final class Pages implements HttpHandler {
    private static final Logger LOG = LoggerFactory.getLogger("com.koverse.standin.web");
    private static final int STATUS_MILLIS = 3_000;
    private static final int RECORDS_MILLIS = 60_000;
    private static final int LARGEST_BODY = 8 << 20;
    private static final String JSON = "application/json";
    private static final String FORM = "application/x-www-form-urlencoded";
    private static final String HTML = "text/html; charset=utf-8";
    private static final String PAGE = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
            + "<meta name=\"viewport\" content=\"width=device-width\"><title>Stand-in for Koverse</title>"
            + "<style>:root{color-scheme:light dark}body{font:1.1em/1.5 sans-serif;max-width:40em;margin:3em auto;padding:0 1em}"
            + "</style></head><body><h1>Stand-in for Koverse</h1><p>%s</p><p>This is not Koverse: it takes its place in a test"
            + " cluster.</p></body></html>\n";

    private final String server;
    private final Gson gson = new Gson();

    Pages(String server) {
        this.server = server;
    }

    /** What went wrong in a request, as its status and words. */
    private static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        final int status;

        Refused(int status, String message) {
            super(message);
            this.status = status;
        }
    }

    @Override
    public void handle(HttpExchange http) throws IOException {
        String path = http.getRequestURI().getPath();
        boolean page = path.equals("/");
        try {
            if (page) {
                require(http, "GET", "HEAD");
                requireReady();
                send(http, 200, HTML, String.format(PAGE, "The server answers and is ready."));
            } else if (path.equals("/records")) {
                require(http, "POST");
                sendJson(http, 200, write(http));
            } else if (path.equals("/records/count")) {
                require(http, "GET", "HEAD");
                sendJson(http, 200, count(dataSet(http)));
            } else {
                throw new Refused(404, "nothing is at " + path);
            }
        } catch (Refused e) {
            LOG.warn("{} {} {}: {}", e.status, http.getRequestMethod(), path, e.getMessage());
            if (page) {
                send(http, e.status, HTML, String.format(PAGE, escape(e.getMessage())));
            } else {
                sendJson(http, e.status, Collections.singletonMap("error", e.getMessage()));
            }
        } finally {
            http.close();
        }
    }

    private void requireReady() throws Refused {
        Map<String, String> status = call(Port.USERGROUP, "status", Arguments.NONE, STATUS_MILLIS);
        if (!"true".equals(status.get("ready"))) {
            throw new Refused(503, "The server is not ready: " + status.get("problem"));
        }
    }

    private Map<String, ?> write(HttpExchange http) throws Refused, IOException {
        List<Map<String, String>> records = records(http);
        List<String> ids = new ArrayList<>();
        for (Map<String, String> record : records) {
            record.putIfAbsent("id", UUID.randomUUID().toString());
            ids.add(record.get("id"));
        }
        call(Port.COLLECTION, "put", new Arguments(dataSet(http), records), RECORDS_MILLIS);
        return Collections.singletonMap("ids", ids);
    }

    private Map<String, Long> count(String dataSet) throws Refused {
        Arguments arguments = new Arguments(dataSet, Arguments.NONE.records);
        Map<String, Long> counts = new LinkedHashMap<>();
        for (Map.Entry<String, String> count : call(Port.COLLECTION, "count", arguments, RECORDS_MILLIS).entrySet()) {
            counts.put(count.getKey(), Long.valueOf(count.getValue()));
        }
        return counts;
    }

    private Map<String, String> call(Port port, String method, Arguments arguments, int millis) throws Refused {
        try {
            return Exchange.call(server, port, method, arguments, millis);
        } catch (TException e) {
            throw new Refused(503, "The server on " + server + ", port " + port.number + ": " + e.getMessage());
        }
    }

    private List<Map<String, String>> records(HttpExchange http) throws Refused, IOException {
        String body = body(http);
        String type = String.valueOf(http.getRequestHeaders().getFirst("Content-Type")).split(";", 2)[0].trim();
        if (type.equals(FORM)) {
            List<Map<String, String>> records = new ArrayList<>();
            records.add(form(body));
            return records;
        }
        if (type.equals(JSON)) {
            return objects(body);
        }
        throw new Refused(415, "the body must be " + JSON + " or " + FORM);
    }

    /** One flat object, or an array of such. */
    private static List<Map<String, String>> objects(String body) throws Refused {
        List<Map<String, String>> records = new ArrayList<>();
        try {
            JsonElement json = JsonParser.parseString(body);
            JsonArray array = new JsonArray();
            if (json.isJsonArray()) {
                array = json.getAsJsonArray();
            } else {
                array.add(json);
            }
            for (JsonElement object : array) {
                Map<String, String> record = new LinkedHashMap<>();
                for (Map.Entry<String, JsonElement> field : object.getAsJsonObject().entrySet()) {
                    record.put(field.getKey(), field.getValue().getAsJsonPrimitive().getAsString());
                }
                records.add(record);
            }
        } catch (JsonParseException | IllegalStateException e) {
            throw new Refused(400, "the body must be a flat JSON object or an array of such: " + e.getMessage());
        }
        return records;
    }

    private static Map<String, String> form(String text) throws Refused {
        Map<String, String> fields = new LinkedHashMap<>();
        try {
            for (String pair : text.split("&")) {
                String[] parts = pair.split("=", 2);
                if (parts.length == 2) {
                    fields.put(URLDecoder.decode(parts[0], "UTF-8"), URLDecoder.decode(parts[1], "UTF-8"));
                }
            }
        } catch (java.io.UnsupportedEncodingException | IllegalArgumentException e) {
            throw new Refused(400, "this is no form: " + e.getMessage());
        }
        return fields;
    }

    private static String dataSet(HttpExchange http) throws Refused {
        String query = http.getRequestURI().getRawQuery();
        String fallback = http.getRequestMethod().equals("POST") ? "default" : "";
        return query == null ? fallback : form(query).getOrDefault("data_set", fallback);
    }

    private static void require(HttpExchange http, String... methods) throws Refused {
        for (String method : methods) {
            if (http.getRequestMethod().equals(method)) {
                return;
            }
        }
        throw new Refused(405, "this takes only " + String.join(", ", methods));
    }

    private static String body(HttpExchange http) throws IOException, Refused {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        InputStream in = http.getRequestBody();
        byte[] buffer = new byte[8192];
        for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
            body.write(buffer, 0, read);
            if (body.size() > LARGEST_BODY) {
                throw new Refused(413, "the body is larger than " + LARGEST_BODY + " bytes");
            }
        }
        return new String(body.toByteArray(), StandardCharsets.UTF_8);
    }

    private void sendJson(HttpExchange http, int status, Map<String, ?> answer) throws IOException {
        send(http, status, JSON, gson.toJson(answer) + "\n");
    }

    private static void send(HttpExchange http, int status, String type, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        http.getResponseHeaders().set("Content-Type", type);
        http.getResponseHeaders().set("Server", "stand-in for koverse-webapp");
        boolean head = http.getRequestMethod().equals("HEAD");
        http.sendResponseHeaders(status, head ? -1 : bytes.length);
        if (!head) {
            http.getResponseBody().write(bytes);
        }
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
