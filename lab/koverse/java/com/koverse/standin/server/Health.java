package com.koverse.standin.server;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The whole picture of what the server needs. */
final class Health {
    private final List<Dependency> dependencies;

    Health(Dependency... dependencies) {
        this.dependencies = Arrays.asList(dependencies);
    }

    void watch() {
        for (Dependency dependency : dependencies) {
            dependency.watch();
        }
    }

    /** Every dependency that does not serve, with its reason; empty when all do. */
    String problem() {
        List<String> problems = new ArrayList<>();
        for (Dependency dependency : dependencies) {
            String problem = dependency.problem();
            if (problem != null) {
                problems.add(dependency.name + " (" + problem + ")");
            }
        }
        return String.join("; ", problems);
    }
}
