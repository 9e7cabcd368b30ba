package org.panoptim.io;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

class NamedChannelTest {

    @TempDir private Path folder;

    @Test
    void aRegularFileCanBeReadAgainWhereItWasWritten() throws IOException {
        var file = folder.resolve("file");
        var opened =
                FileChannel.open(
                        file,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
        try (opened) {
            var channel = new SeekableNamedChannel(file, opened);
            assertThat(channel.write(ByteBuffer.wrap(new byte[] {1, 2, 3}))).isEqualTo(3);
            assertThat(channel.position()).isEqualTo(3);
            assertThat(channel.size()).isEqualTo(3);
            assertThat(channel.position(1)).isSameAs(channel);
            var destination = ByteBuffer.allocate(4);
            assertThat(channel.read(destination)).isEqualTo(2);
            assertThat(destination.array()).containsExactly(2, 3, 0, 0);
            assertThat(channel.truncate(2).size()).isEqualTo(2);
            assertThat(channel.isOpen()).isTrue();
            channel.close();
            assertThat(channel.isOpen()).isFalse();
        }
    }
}
