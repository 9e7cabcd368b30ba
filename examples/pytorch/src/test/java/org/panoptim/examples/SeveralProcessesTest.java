package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The program that the page on several processes links to, run as the page says. */
class SeveralProcessesTest {

    private static final long PATIENCE_SECONDS = 60;

    @TempDir private Path folder;

    /** A process, which is killed when this is closed, and the file that it prints to. */
    private record Member(Process process, Path output) implements AutoCloseable {

        /** What it says of its training, when it has ended. */
        List<String> results() throws Exception {
            boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
            var printed = Files.readString(output);
            assertThat(ended).as(printed).isTrue();
            assertThat(process.exitValue()).as(printed).isZero();
            // Gloo prints as well.
            return printed.lines().filter(line -> line.matches("(loss|checksum) .*")).toList();
        }

        @Override
        public void close() {
            process.destroyForcibly();
        }
    }

    private Member start(int rank, int size, int port) throws IOException {
        var output = folder.resolve("%d of %d".formatted(rank, size));
        var builder =
                new ProcessBuilder("../run", "pytorch", "SeveralProcesses.java")
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile());
        builder.environment()
                .putAll(
                        Map.of(
                                "RANK", Integer.toString(rank),
                                "WORLD_SIZE", Integer.toString(size),
                                "MASTER_ADDR", "127.0.0.1",
                                "MASTER_PORT", Integer.toString(port),
                                // So short a program is over before more pays.
                                "JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"));
        return new Member(builder.start(), output);
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static double loss(String line) {
        return Double.parseDouble(line.substring(line.lastIndexOf(' ')));
    }

    @Test
    void twoProcessesTrainAsOne() throws Exception {
        int port = freePort();
        int other = freePort();
        try (var alone = start(0, 1, port);
                var first = start(0, 2, other);
                var second = start(1, 2, other)) {
            var expected = alone.results();
            assertThat(expected).hasSize(4);
            assertThat(expected.getLast()).startsWith("checksum of the parameters: ");
            assertThat(loss(expected.get(2))).isLessThan(loss(expected.get(0)) / 2);
            assertThat(first.results()).isEqualTo(expected);
            assertThat(second.results()).isEmpty();
        }
    }
}
