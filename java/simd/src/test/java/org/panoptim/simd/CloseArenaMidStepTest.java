package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Another thread closes the gradients' arena again and again while steps run: either it is refused
 * that the arena is in use, or the step is refused and changes nothing. No memory of another arena
 * is ever written.
 */
class CloseArenaMidStepTest {

    private static final int ROUNDS = 60;

    /** What is done to the gradients, and how many they are: steps of few are one call. */
    enum Kind {
        STEPS(1 << 17),
        SMALL_STEPS(64),
        STEPS_THAT_ZERO(1 << 17),
        SMALL_STEPS_THAT_ZERO(64),
        ZEROING(1 << 17);

        private final int elements;

        Kind(int elements) {
            this.elements = elements;
        }

        boolean zeroes() {
            return this == STEPS_THAT_ZERO || this == SMALL_STEPS_THAT_ZERO;
        }
    }

    @ParameterizedTest
    @EnumSource
    void eitherTheCloserIsToldOrTheStepIsRefusedWhole(Kind kind) throws Exception {
        int elements = kind.elements;
        var taken = new AtomicLong();
        long refused = 0;
        try (var arena = Arena.ofShared();
                var backend = Backend.named("simd")) {
            var value = arena.allocate(4L * elements, 64);
            var parameter = Parameter.of("w", Shape.of(elements), value);
            try (var optimizer =
                    Optimizer.builder(SGD.withLearningRate(1))
                            .group("all", List.of(parameter))
                            .zeroGradients(kind.zeroes())
                            .clipGlobalNorm(1e9)
                            .backend(backend)
                            .build()) {
                for (int round = 0; round < ROUNDS; round++) {
                    var gradients = Arena.ofShared();
                    var gradient = gradients.allocate(4L * elements, 64);
                    fill(gradient, -1);
                    parameter.gradient(gradient);
                    var closer = new Closer(gradients, elements, round * 7_000L);
                    closer.start();
                    try {
                        while (true) {
                            if (kind == Kind.ZEROING) {
                                optimizer.zeroGrad();
                            } else {
                                optimizer.step();
                            }
                            taken.incrementAndGet();
                        }
                    } catch (IllegalStateException e) {
                        refused++;
                        assertThat(e).hasMessageContaining("closed");
                    }
                    closer.join();
                    assertThat(closer.strays).as("bytes of others written").isZero();
                }
                long steps = kind == Kind.ZEROING ? 0 : taken.get();
                assertThat(optimizer.report().step()).isEqualTo(steps);
                if (!kind.zeroes()) {
                    for (long i = 0; i < elements; i++) {
                        assertThat(value.getAtIndex(ValueLayout.JAVA_FLOAT, i)).isEqualTo(steps);
                    }
                }
            }
        }
        assertThat(refused).isEqualTo(ROUNDS);
    }

    private static void fill(MemorySegment segment, float value) {
        for (long i = 0; i < segment.byteSize() / 4; i++) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
    }

    /**
     * Closes an arena as soon as it can, and looks whether memory that comes next is written to.
     */
    private static final class Closer extends Thread {

        private final Arena arena;
        private final int elements;
        private final long wait;
        private long strays;

        Closer(Arena arena, int elements, long wait) {
            this.arena = arena;
            this.elements = elements;
            this.wait = wait;
        }

        @Override
        public void run() {
            long until = System.nanoTime() + wait;
            while (System.nanoTime() < until) {
                Thread.onSpinWait();
            }
            while (arena.scope().isAlive()) {
                try {
                    arena.close();
                } catch (IllegalStateException _) {
                    // In use just now.
                }
            }
            try (var next = Arena.ofConfined()) {
                var reused = next.allocate(4L * elements, 64);
                fill(reused, 3);
                long end = System.nanoTime() + 2_000_000;
                while (System.nanoTime() < end) {
                    Thread.onSpinWait();
                }
                for (long i = 0; i < elements; i++) {
                    if (reused.getAtIndex(ValueLayout.JAVA_FLOAT, i) != 3) {
                        strays++;
                    }
                }
            }
        }
    }
}
