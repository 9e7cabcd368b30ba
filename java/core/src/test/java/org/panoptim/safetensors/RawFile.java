package org.panoptim.safetensors;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Puts files together from their parts without checking anything, so that tests can lie. */
final class RawFile {
    private RawFile() {}

    /** A file whose length prefix is true to its header. */
    static byte[] of(String header, int dataBytes) {
        return of(header.getBytes(StandardCharsets.UTF_8), new byte[dataBytes]);
    }

    static byte[] of(byte[] header, byte[] data) {
        return withPrefix(header.length, header, data);
    }

    static byte[] withPrefix(long prefix, byte[] header, byte[] data) {
        return ByteBuffer.allocate(8 + header.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(prefix)
                .put(header)
                .put(data)
                .array();
    }

    /** One tensor's entry in a header. */
    static String tensor(String name, String dtype, String shape, String offsets) {
        return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":%s}"
                .formatted(name, dtype, shape, offsets);
    }
}
