package org.panoptim.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/** A header as a stream, however it is read. */
class HeaderStreamTest {

    private static final byte[] HEADER = "{\"é\":0}  ".getBytes(UTF_8);

    @TempDir Path folder;

    private FileChannel open() throws IOException {
        var file = folder.resolve("file.safetensors");
        return FileChannel.open(Files.write(file, RawFile.of(HEADER, new byte[3])));
    }

    private HeaderStream stream(FileChannel channel, int length) {
        return new HeaderStream(folder.resolve("file.safetensors"), channel, length);
    }

    @Test
    void byteByByteItGivesTheHeaderAndNothingOfTheData() throws IOException {
        try (var channel = open()) {
            var stream = stream(channel, HEADER.length);
            for (int i = 0; i < HEADER.length; i++) {
                assertThat(stream.read()).isEqualTo(HEADER[i] & 0xff);
                assertThat(stream.consumed()).isEqualTo(i + 1);
                assertThat(stream.lastUnpadded()).isEqualTo(HEADER[Math.min(i, 7)] & 0xff);
            }
            assertThat(stream.read()).isEqualTo(-1);
            assertThat(stream.length()).isEqualTo(HEADER.length);
            var checksum = new CRC32C();
            checksum.update(HEADER);
            assertThat(stream.checksum()).isEqualTo((int) checksum.getValue());
        }
    }

    @Test
    void aFileThatEndsBeforeItsHeaderDoesIsRefused() throws IOException {
        try (var channel = open()) {
            var stream = stream(channel, HEADER.length + 100);
            assertThatThrownBy(stream::readAllBytes)
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageEndingWith(
                            "file.safetensors: header: expected %d bytes, but the file shrank while it was read and ends after %d"
                                    .formatted(HEADER.length + 100, HEADER.length + 3));
        }
    }
}
