package com.koverse.standin.thrift;

import org.apache.thrift.TException;
import org.apache.thrift.TProcessor;
import org.apache.thrift.protocol.TProtocol;

/** libthrift 0.9, which Accumulo 1.9 brings. */
public final class Processor implements TProcessor {
    private final Methods methods;

    public Processor(Methods methods) {
        this.methods = methods;
    }

    @Override
    public boolean process(TProtocol in, TProtocol out) throws TException {
        Exchange.answer(in, out, methods);
        return true;
    }
}
