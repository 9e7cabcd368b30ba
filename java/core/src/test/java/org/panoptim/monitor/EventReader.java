package org.panoptim.monitor;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Reads what TensorBoard reads, written for itself: records, their checksums bit by bit, and the
 * fields of messages by the rules of protocol buffers.
 */
final class EventReader {

    /** The polynomial of CRC-32C, its bits reversed. */
    private static final int CASTAGNOLI = 0x82f63b78;

    private EventReader() {}

    /** The content of all records of a file. */
    static List<ByteBuffer> records(byte[] file) {
        var records = new ArrayList<ByteBuffer>();
        var rest = littleEndian(ByteBuffer.wrap(file));
        while (rest.hasRemaining()) {
            var length = slice(rest, 8);
            requireChecksum(length, rest.getInt());
            var content = slice(rest, Math.toIntExact(length.getLong(0)));
            requireChecksum(content, rest.getInt());
            records.add(content);
        }
        return records;
    }

    /**
     * The fields of a message by number: a {@link Long} of a varint, a {@link Double} of 64 bits, a
     * {@link Float} of 32, and the bytes of what has a length.
     */
    static Map<Integer, List<Object>> fields(ByteBuffer message) {
        var fields = new TreeMap<Integer, List<Object>>();
        var rest = littleEndian(message.duplicate());
        while (rest.hasRemaining()) {
            long key = varint(rest);
            Object value =
                    switch ((int) (key & 7)) {
                        case 0 -> varint(rest);
                        case 1 -> rest.getDouble();
                        case 2 -> slice(rest, Math.toIntExact(varint(rest)));
                        case 5 -> rest.getFloat();
                        default -> throw new IllegalArgumentException("wire type " + (key & 7));
                    };
            fields.computeIfAbsent((int) (key >>> 3), _ -> new ArrayList<>()).add(value);
        }
        return fields;
    }

    static String text(Object bytes) {
        return UTF_8.decode(((ByteBuffer) bytes).duplicate()).toString();
    }

    private static long varint(ByteBuffer bytes) {
        long value = 0;
        int shift = 0;
        byte next;
        do {
            next = bytes.get();
            value |= (next & 0x7fL) << shift;
            shift += 7;
        } while (next < 0);
        return value;
    }

    private static ByteBuffer slice(ByteBuffer bytes, int length) {
        var slice = littleEndian(bytes.slice(bytes.position(), length));
        bytes.position(bytes.position() + length);
        return slice;
    }

    private static ByteBuffer littleEndian(ByteBuffer bytes) {
        return bytes.order(ByteOrder.LITTLE_ENDIAN);
    }

    private static void requireChecksum(ByteBuffer bytes, int masked) {
        int rotated = masked - 0xa282ead8;
        int expected = rotated >>> 17 | rotated << 15;
        int crc = ~0;
        for (int i = 0; i < bytes.limit(); i++) {
            crc ^= bytes.get(i) & 0xff;
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) == 0 ? crc >>> 1 : crc >>> 1 ^ CASTAGNOLI;
            }
        }
        if (~crc != expected) {
            throw new IllegalArgumentException(
                    "checksum is %08x, not %08x".formatted(expected, ~crc));
        }
    }
}
