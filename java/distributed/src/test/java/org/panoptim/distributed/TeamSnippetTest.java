package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.parameter.FlatParameters;
import org.panoptim.rule.Rules;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.Map;

/** The program that the page on several processes shows, in processes. */
class TeamSnippetTest {

    /** Trains, and says the hash of the weights. */
    public static void main(String[] arguments) {
        try (var arena = Arena.ofShared()) {
            var net =
                    FlatParameters.builder().add("weight", 32, 16).add("bias", 32).allocate(arena);
            net.values().fill((byte) 0x3f);
            train(net);
            var weights = net.values().toArray(ValueLayout.JAVA_BYTE);
            System.out.println(JavaProcess.ANSWER + Arrays.hashCode(weights));
        }
    }

    private static void train(FlatParameters net) {
        // snippet:start
        try (var cluster = Cluster.fromEnvironment();
                var optimizer =
                        Optimizer.builder(Rules.adamW(1e-2))
                                .group("all", net.list())
                                .shards(cluster, 8)
                                .build()) {
            int own = 8 / cluster.size();
            for (int step = 0; step < 100; step++) {
                for (int leaf = cluster.rank() * own; leaf < (cluster.rank() + 1) * own; leaf++) {
                    backward(net, step, leaf);
                    optimizer.accumulate();
                }
                optimizer.step();
            }
        }
        // snippet:end
    }

    /** Gradients of another magnitude and sign for each leaf. */
    private static void backward(FlatParameters net, int step, int leaf) {
        var values = net.values();
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            float factor = (leaf - 2.7f) * (1 + step % 3);
            net.gradients().setAtIndex(ValueLayout.JAVA_FLOAT, i, value * factor + i * 1e-3f);
        }
    }

    private static Map<String, String> environment(int rank, int size, int port) {
        return Map.of(
                "RANK", Integer.toString(rank),
                "WORLD_SIZE", Integer.toString(size),
                "MASTER_ADDR", "127.0.0.1",
                "MASTER_PORT", Integer.toString(port));
    }

    private static int freePort() throws Exception {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Test
    void twoProcessesTrainAsOne() throws Exception {
        int port = freePort();
        int other = freePort();
        try (var alone = JavaProcess.start(TeamSnippetTest.class, environment(0, 1, port));
                var first = JavaProcess.start(TeamSnippetTest.class, environment(0, 2, other));
                var second = JavaProcess.start(TeamSnippetTest.class, environment(1, 2, other))) {
            var expected = alone.answer();
            assertThat(first.answer()).isEqualTo(expected);
            assertThat(second.answer()).isEqualTo(expected);
        }
    }
}
