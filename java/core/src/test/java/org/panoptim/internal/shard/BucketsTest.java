package org.panoptim.internal.shard;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Rules;
import org.panoptim.shard.Team;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What is exchanged in several buckets arrives as what is exchanged in one. */
class BucketsTest {

    /** The first of two members, of which the other one has everywhere what this one has. */
    private static final class Mirrored implements Team {

        private int calls;

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 2;
        }

        @Override
        public void exchange(
                MemorySegment sent,
                long[] sentBytes,
                MemorySegment received,
                long[] receivedBytes) {
            calls++;
            assertThat(receivedBytes).containsExactly(sentBytes[0], sentBytes[0]);
            var own = sent.asSlice(0, sentBytes[0]);
            received.asSlice(0, sentBytes[0]).copyFrom(own);
            received.asSlice(sentBytes[0], sentBytes[0]).copyFrom(own);
        }

        @Override
        public void gather(MemorySegment all, long[] bytes) {
            calls++;
            // The other one has 0x3f in every byte.
            all.asSlice(bytes[0], bytes[1]).fill((byte) 0x3f);
        }

        @Override
        public void abort(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public Duration timeout() {
            return Duration.ZERO;
        }
    }

    private final Arena arena = Arena.ofAuto();
    private final Mirrored team = new Mirrored();

    private List<Parameter> parameters(DType type) {
        var all = new ArrayList<Parameter>();
        for (long elements : new long[] {3, Shares.UNIT + 7, 0, 11}) {
            var value = arena.allocate(elements * type.byteSize(), 64);
            var gradient = arena.allocate(elements * type.byteSize(), 64);
            var view = new FloatView(gradient, type);
            for (long i = 0; i < elements; i++) {
                view.set(i, i % 200 + all.size());
            }
            var parameter =
                    Parameter.of("p" + all.size(), Shape.of(elements), type, new HostMemory(value));
            parameter.gradient(new HostMemory(gradient));
            all.add(parameter);
        }
        return all;
    }

    private static FloatView gradient(Parameter parameter) {
        return FloatView.of(parameter.gradient().orElseThrow(), parameter.dtype());
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 4096, 1 << 20, 1 << 30})
    void gradientsAreAddedUpWhateverTheBucket(long bucketBytes) {
        for (var type : List.of(DType.F32, DType.BF16)) {
            var parameters = parameters(type);
            var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
            var shares = Shares.of(team, groups, List.of());
            try (var exchange = new GradientExchange(team, bucketBytes)) {
                exchange.run(shares, parameters, BucketsTest::gradient, BucketsTest::gradient, 4);
            }
            for (int place = 0; place < parameters.size(); place++) {
                var parameter = parameters.get(place);
                for (long i = 0; i < parameter.elements(); i++) {
                    // Two of four leaves, each with this.
                    float leaf = i % 200 + place;
                    float mean = i < shares.end(parameter) ? leaf / 2 : leaf;
                    assertThat(gradient(parameter).get(i)).isEqualTo(mean);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {8, 4096, 1 << 20, 1 << 30})
    void valuesComeBackWhateverTheBucket(long bucketBytes) {
        var parameters = parameters(DType.F32);
        var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
        var shares = Shares.of(team, groups, List.of());
        try (var values = new ValueReturn(team, bucketBytes)) {
            values.run(
                    List.of(
                            Stretch.of(shares, 0, parameters, BucketsTest::gradient),
                            Stretch.of(shares, 1, parameters, BucketsTest::gradient)),
                    Float.BYTES);
        }
        float others = Float.intBitsToFloat(0x3f3f3f3f);
        for (int place = 0; place < parameters.size(); place++) {
            var parameter = parameters.get(place);
            for (long i = 0; i < parameter.elements(); i++) {
                float own = i % 200 + place;
                assertThat(gradient(parameter).get(i))
                        .isEqualTo(i < shares.end(parameter) ? own : others);
            }
        }
    }

    @Test
    void smallBucketsAreMany() {
        var parameters = parameters(DType.F32);
        var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
        try (var exchange = new GradientExchange(team, 1 << 17)) {
            exchange.run(
                    Shares.of(team, groups, List.of()),
                    parameters,
                    BucketsTest::gradient,
                    BucketsTest::gradient,
                    2);
        }
        // Some 65,539 elements of this member in slices of 16,384.
        assertThat(team.calls).isEqualTo(5);
    }

    @Test
    void sumsAreTakenByAdjacentPairs() {
        var rows = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 3, 1e8f, 3, -1e8f, 0, 1, 1e-9f);
        TreeSum.join(rows, 4, 2);

        // (1 + 1e8) + (-1e8 + 1), which would be 1 one after the other, and (3 + 3) + (0 + 1e-9).
        assertThat(rows.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isZero();
        assertThat(rows.getAtIndex(ValueLayout.JAVA_FLOAT, 1)).isEqualTo(6f);
    }
}
