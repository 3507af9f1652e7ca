package com.koverse.standin.thrift;

/** The Thrift services of Koverse and the ports on which Koverse has them. */
public enum Port {
    DATAFLOW(12320),
    USERGROUP(12321),
    COLLECTION(12322, true),
    AUDIT(12323),
    QUERY(12324),
    ADMIN(12325),
    RESOURCE(12327),
    ADDON(12328),
    BASIC_ADDON(12330),
    INTERNAL(12331, true);

    public final int number;
    /** Whether this service reads and writes records. */
    public final boolean records;

    Port(int number) {
        this(number, false);
    }

    Port(int number, boolean records) {
        this.number = number;
        this.records = records;
    }
}
