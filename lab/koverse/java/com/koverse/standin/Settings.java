package com.koverse.standin;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Properties;

/** A file of properties, whose faults are told all at once. */
public final class Settings {
    /** What the file lacks or has wrong, in words for the operator. */
    public static final class Wrong extends Exception {
        private static final long serialVersionUID = 1;

        Wrong(String message) {
            super(message);
        }
    }

    private final String file;
    private final Properties properties = new Properties();

    private Settings(String file) {
        this.file = file;
    }

    public static Settings read(String file, String... required) throws Wrong {
        Settings settings = new Settings(file);
        try (InputStream in = new FileInputStream(file)) {
            settings.properties.load(in);
        } catch (IOException | IllegalArgumentException e) {
            throw new Wrong("cannot read " + file + ": " + e.getMessage());
        }
        List<String> missing = new ArrayList<>(Arrays.asList(required));
        missing.removeIf(key -> !settings.text(key, "").isEmpty());
        if (!missing.isEmpty()) {
            throw new Wrong(file + " lacks " + String.join(", ", missing));
        }
        return settings;
    }

    public String text(String key) {
        return text(key, "");
    }

    public String text(String key, String fallback) {
        return properties.getProperty(key, fallback).trim();
    }

    public int number(String key, int fallback, int smallest, int largest) throws Wrong {
        String text = text(key, String.valueOf(fallback));
        try {
            int number = Integer.parseInt(text);
            if (number >= smallest && number <= largest) {
                return number;
            }
        } catch (NumberFormatException e) {
            // told below, together with the range
        }
        throw new Wrong(file + ": " + key + " must be a number from " + smallest + " to " + largest + ", found: " + text);
    }
}
