package com.koverse.standin.thrift;

import java.util.Collections;
import java.util.List;
import java.util.Map;

/** The arguments of a call; a method that takes none gets empty ones. */
public final class Arguments {
    public static final Arguments NONE = new Arguments("", Collections.<Map<String, String>>emptyList());

    public final String dataSet;
    public final List<Map<String, String>> records;

    public Arguments(String dataSet, List<Map<String, String>> records) {
        this.dataSet = dataSet;
        this.records = records;
    }
}
