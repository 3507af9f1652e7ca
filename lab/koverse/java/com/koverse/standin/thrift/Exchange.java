package com.koverse.standin.thrift;

import java.util.Map;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransport;

/** One call and its answer, seen from the client and from the server. */
public final class Exchange {
    private static final long LARGEST = 16L << 20;

    private Exchange() {}

    /** Strict and bounded: a stray HTTP request must not be taken for a string of a gigabyte. */
    public static TBinaryProtocol.Factory protocol() {
        return new TBinaryProtocol.Factory(true, true, LARGEST, LARGEST);
    }

    /** Calls and returns the result; connecting and each read may take up to timeoutMillis. */
    public static Map<String, String> call(String host, Port port, String method, Arguments arguments, int timeoutMillis)
            throws TException {
        TTransport transport = new TSocket(host, port.number, timeoutMillis);
        try {
            transport.open();
            TProtocol protocol = protocol().getProtocol(transport);
            protocol.writeMessageBegin(new TMessage(method, TMessageType.CALL, 1));
            Wire.writeArguments(protocol, arguments);
            protocol.writeMessageEnd();
            transport.flush();
            TMessage answer = protocol.readMessageBegin();
            if (answer.type == TMessageType.EXCEPTION) {
                throw Wire.readException(protocol);
            }
            return Wire.readResult(protocol);
        } finally {
            transport.close();
        }
    }

    /** Reads one call and writes its answer. */
    static void answer(TProtocol in, TProtocol out, Methods methods) throws TException {
        TMessage call = in.readMessageBegin();
        Arguments arguments = Wire.readArguments(in);
        in.readMessageEnd();
        Map<String, String> result = null;
        TApplicationException problem = null;
        try {
            result = methods.call(call.name, arguments);
            if (result == null) {
                problem = new TApplicationException(TApplicationException.UNKNOWN_METHOD,
                        "the stand-in for Koverse has no method " + call.name + " on this port");
            }
        } catch (Exception e) {
            problem = new TApplicationException(TApplicationException.INTERNAL_ERROR, String.valueOf(e.getMessage()));
        }
        byte type = problem == null ? TMessageType.REPLY : TMessageType.EXCEPTION;
        out.writeMessageBegin(new TMessage(call.name, type, call.seqid));
        if (problem == null) {
            Wire.writeResult(out, result);
        } else {
            problem.write(out);
        }
        out.writeMessageEnd();
        out.getTransport().flush();
    }
}
