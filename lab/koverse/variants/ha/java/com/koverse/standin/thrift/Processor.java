package com.koverse.standin.thrift;

import org.apache.thrift.TException;
import org.apache.thrift.TProcessor;
import org.apache.thrift.protocol.TProtocol;

/** libthrift 0.17, which Accumulo 2.1 brings. */
public final class Processor implements TProcessor {
    private final Methods methods;

    public Processor(Methods methods) {
        this.methods = methods;
    }

    @Override
    public void process(TProtocol in, TProtocol out) throws TException {
        Exchange.answer(in, out, methods);
    }
}
