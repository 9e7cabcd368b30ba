package org.panoptim.safetensors;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The header's bytes. They are read in small blocks, so that a length prefix that lies makes no
 * large buffer; the last byte that is not padding is kept, since a JSON parser cannot tell which
 * white space followed the object; and their checksum is computed.
 */
final class HeaderStream extends InputStream {
    private final Path file;
    private final FileChannel channel;
    private final long end;
    private long position = Format.PREFIX_BYTES;
    private int lastUnpadded = ' ';
    private final CRC32C checksum = new CRC32C();

    HeaderStream(Path file, FileChannel channel, long length) {
        this.file = file;
        this.channel = channel;
        this.end = Format.PREFIX_BYTES + length;
    }

    /** The last of the bytes read so far that is not a space; a space if there is none. */
    int lastUnpadded() {
        return lastUnpadded;
    }

    /** The checksum of the bytes read so far, the digits of the header's own as zeros. */
    int checksum() {
        return (int) checksum.getValue();
    }

    /** How many bytes the whole header has. */
    long length() {
        return end - Format.PREFIX_BYTES;
    }

    /** How many bytes have been read so far. */
    long consumed() {
        return position - Format.PREFIX_BYTES;
    }

    @Override
    public int read() throws IOException {
        byte[] single = new byte[1];
        return read(single, 0, 1) < 0 ? -1 : single[0] & 0xff;
    }

    @Override
    public int read(byte[] destination, int offset, int length) throws IOException {
        if (length == 0) {
            return 0;
        }
        if (position == end) {
            return -1;
        }
        int wanted = (int) Math.min(length, end - position);
        int count = channel.read(ByteBuffer.wrap(destination, offset, wanted), position);
        if (count < 0) {
            throw new SafetensorsException(
                    file,
                    "header",
                    "expected %d bytes, but the file shrank while it was read and ends after %d"
                            .formatted(length(), consumed()));
        }
        updateChecksum(destination, offset, count);
        position += count;
        for (int i = offset + count - 1; i >= offset; i--) {
            if (destination[i] != ' ') {
                lastUnpadded = destination[i] & 0xff;
                break;
            }
        }
        return count;
    }

    private void updateChecksum(byte[] source, int offset, int count) {
        int digits = Math.clamp(Checksums.POSITION - consumed(), 0, count);
        int rest = Math.clamp(Checksums.POSITION + Checksums.ZERO.length() - consumed(), 0, count);
        checksum.update(source, offset, digits);
        for (int i = digits; i < rest; i++) {
            checksum.update('0');
        }
        checksum.update(source, offset + rest, count - rest);
    }
}
