package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

class ParameterDigestsTest {

    private final Arena arena = Arena.ofShared();

    @AfterEach
    void close() {
        arena.close();
    }

    private Parameter parameter(String text) {
        var memory = arena.allocate(text.length(), 64);
        memory.copyFrom(MemorySegment.ofArray(text.getBytes()));
        return Parameter.of(text, Shape.of(text.length() / Float.BYTES), new HostMemory(memory));
    }

    @Test
    void anOptimizersDigestIsThatOfTheBytesInOrder() {
        var digests = new ParameterDigests();
        digests.add("one", List.of(parameter("the quick brown "), parameter("fox jump")));
        digests.add("two", List.of(parameter("fox jump"), parameter("the quick brown ")));
        // A second seed's.
        digests.add("one", List.of(parameter("s over the lazy ")));
        digests.add("gone", List.of(parameter("dogs")));
        digests.remove("gone");

        // printf %s TEXT | sha256sum
        assertThat(digests.all())
                .containsExactly(
                        Map.entry(
                                "one",
                                "db55caa1c48ea7b2d92320fe5dc5d284c1c34252b9eae20fc038d63a3c353961"),
                        Map.entry(
                                "two",
                                "b21b3bad12cdcf430c56557d8329ee71c3be889f17582040e04bb3da8836027f"));
    }
}
