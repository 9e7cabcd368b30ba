package org.panoptim.safetensors;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;

/**
 * How CRC-32C checksums stand in a file's metadata: eight hexadecimal digits in lower case, that of
 * the header under {@value #HEADER} and that of each tensor's bytes under {@value #TENSOR} and its
 * name.
 *
 * <p>The header's comes first of all, so that its place is known before the header is parsed, and
 * counts its own digits as zeros.
 */
final class Checksums {

    static final String HEADER = "crc32c";
    static final String TENSOR = "crc32c/";

    static final String ZERO = "00000000";

    /** Where the digits of the header's checksum begin in the header. */
    static final int POSITION = "{\"%s\":{\"%s\":\"".formatted(Format.METADATA, HEADER).length();

    private static final Pattern DIGITS = Pattern.compile("[0-9a-f]{8}");

    private Checksums() {}

    /** Whether a key of the metadata belongs to a checksum. */
    static boolean isKey(String key) {
        return key.equals(HEADER) || key.startsWith(TENSOR);
    }

    static String format(int checksum) {
        return HexFormat.of().toHexDigits(checksum);
    }

    static OptionalInt parse(String text) {
        return DIGITS.matcher(text).matches()
                ? OptionalInt.of(HexFormat.fromHexDigits(text))
                : OptionalInt.empty();
    }

    /** Puts the header's checksum into a header that was written with zeros for it. */
    static void complete(byte[] header) {
        var checksum = new CRC32C();
        checksum.update(header);
        var digits = format((int) checksum.getValue()).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(digits, 0, header, POSITION, digits.length);
    }
}
