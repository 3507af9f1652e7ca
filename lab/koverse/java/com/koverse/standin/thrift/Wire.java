package com.koverse.standin.thrift;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.thrift.TApplicationException;
import org.apache.thrift.TException;
import org.apache.thrift.protocol.TField;
import org.apache.thrift.protocol.TList;
import org.apache.thrift.protocol.TMap;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolException;
import org.apache.thrift.protocol.TProtocolUtil;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.protocol.TType;

/**
 * The arguments and results of every call, written by hand: it spares the Thrift compiler, and the same source works with
 * libthrift 0.9 and 0.17. The interface is in the README.
 */
final class Wire {
    private static final TStruct ARGUMENTS = new TStruct("arguments");
    private static final TStruct RESULT = new TStruct("result");
    private static final TField DATA_SET = new TField("dataSet", TType.STRING, (short) 1);
    private static final TField RECORDS = new TField("records", TType.LIST, (short) 2);
    private static final TField SUCCESS = new TField("success", TType.MAP, (short) 0);

    private Wire() {}

    static void writeArguments(TProtocol out, Arguments arguments) throws TException {
        out.writeStructBegin(ARGUMENTS);
        out.writeFieldBegin(DATA_SET);
        out.writeString(arguments.dataSet);
        out.writeFieldEnd();
        out.writeFieldBegin(RECORDS);
        out.writeListBegin(new TList(TType.MAP, arguments.records.size()));
        for (Map<String, String> record : arguments.records) {
            writeMap(out, record);
        }
        out.writeListEnd();
        out.writeFieldEnd();
        out.writeFieldStop();
        out.writeStructEnd();
    }

    static Arguments readArguments(TProtocol in) throws TException {
        String dataSet = "";
        List<Map<String, String>> records = Collections.emptyList();
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            if (field.id == DATA_SET.id && field.type == DATA_SET.type) {
                dataSet = in.readString();
            } else if (field.id == RECORDS.id && field.type == RECORDS.type) {
                records = readRecords(in);
            } else {
                TProtocolUtil.skip(in, field.type);
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
        return new Arguments(dataSet, records);
    }

    static void writeResult(TProtocol out, Map<String, String> result) throws TException {
        out.writeStructBegin(RESULT);
        out.writeFieldBegin(SUCCESS);
        writeMap(out, result);
        out.writeFieldEnd();
        out.writeFieldStop();
        out.writeStructEnd();
    }

    static Map<String, String> readResult(TProtocol in) throws TException {
        Map<String, String> result = null;
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            if (field.id == SUCCESS.id && field.type == SUCCESS.type) {
                result = readMap(in);
            } else {
                TProtocolUtil.skip(in, field.type);
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
        if (result == null) {
            throw new TProtocolException("the answer has no result");
        }
        return result;
    }

    /** As TApplicationException writes itself; how it is read differs between libthrift 0.9 and 0.17. */
    static TApplicationException readException(TProtocol in) throws TException {
        String message = "";
        int type = TApplicationException.UNKNOWN;
        in.readStructBegin();
        for (TField field = in.readFieldBegin(); field.type != TType.STOP; field = in.readFieldBegin()) {
            if (field.id == 1 && field.type == TType.STRING) {
                message = in.readString();
            } else if (field.id == 2 && field.type == TType.I32) {
                type = in.readI32();
            } else {
                TProtocolUtil.skip(in, field.type);
            }
            in.readFieldEnd();
        }
        in.readStructEnd();
        return new TApplicationException(type, message);
    }

    private static List<Map<String, String>> readRecords(TProtocol in) throws TException {
        TList list = in.readListBegin();
        expect(TType.MAP, list.elemType, list.size);
        List<Map<String, String>> records = new ArrayList<>();
        for (int i = 0; i < list.size; i++) {
            records.add(readMap(in));
        }
        in.readListEnd();
        return records;
    }

    private static void writeMap(TProtocol out, Map<String, String> map) throws TException {
        out.writeMapBegin(new TMap(TType.STRING, TType.STRING, map.size()));
        for (Map.Entry<String, String> entry : map.entrySet()) {
            out.writeString(entry.getKey());
            out.writeString(entry.getValue());
        }
        out.writeMapEnd();
    }

    private static Map<String, String> readMap(TProtocol in) throws TException {
        TMap header = in.readMapBegin();
        expect(TType.STRING, header.keyType, header.size);
        expect(TType.STRING, header.valueType, header.size);
        Map<String, String> map = new LinkedHashMap<>();
        for (int i = 0; i < header.size; i++) {
            map.put(in.readString(), in.readString());
        }
        in.readMapEnd();
        return map;
    }

    private static void expect(byte expected, byte found, int size) throws TProtocolException {
        if (found != expected && size > 0) {
            throw new TProtocolException("expected elements of Thrift type " + expected + ", found " + found);
        }
    }
}
