package com.koverse.standin.thrift;

import java.util.Map;

/** What a Thrift port answers. */
public interface Methods {
    /** The result of the method, or null when this port does not know it. */
    Map<String, String> call(String method, Arguments arguments) throws Exception;
}
