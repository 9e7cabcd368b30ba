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
import org.panoptim.shard.Transfer;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.BFloat16;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What is exchanged in several buckets arrives as what is exchanged in one. */
class BucketsTest {

    /** The first of two members, of which the other one has the same in every byte. */
    private static final class Uniform implements Team {

        private int begun;
        private int over;
        private int mostUnderWay;
        private int pieces;

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 2;
        }

        @Override
        public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            assertThat(sent.getFirst()).isEmpty();
            assertThat(received.getFirst()).isEmpty();
            begun++;
            mostUnderWay = Math.max(mostUnderWay, begun - over);
            pieces += sent.getLast().size();
            return () -> {
                over++;
                received.getLast().forEach(piece -> piece.fill((byte) OTHERS_BYTE));
            };
        }

        @Override
        public void abort(String reason) {
            throw new AssertionError(reason);
        }

        @Override
        public Optional<String> end() {
            return Optional.empty();
        }

        @Override
        public Duration timeout() {
            return Duration.ZERO;
        }
    }

    /** What the other member has in every byte. */
    private static final int OTHERS_BYTE = 0x3f;

    private static float others(DType type) {
        return type == DType.F32
                ? Float.intBitsToFloat(0x3f3f3f3f)
                : BFloat16.toFloat((short) 0x3f3f);
    }

    private static float rounded(float value, DType type) {
        return type == DType.F32 ? value : BFloat16.toFloat(BFloat16.of(value));
    }

    private final Arena arena = Arena.ofAuto();
    private final Uniform team = new Uniform();

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
    @ValueSource(longs = {2, 1024, 1 << 18, 1 << 28})
    void gradientsAreAddedUpWhateverTheBucket(long elements) {
        for (var type : List.of(DType.F32, DType.BF16)) {
            var parameters = parameters(type);
            var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
            var shares = Shares.of(team, groups, List.of(), List.of());
            try (var exchange = new GradientExchange(team, elements)) {
                exchange.run(shares, parameters, BucketsTest::gradient, BucketsTest::gradient, 4);
            }
            for (int place = 0; place < parameters.size(); place++) {
                var parameter = parameters.get(place);
                for (long i = 0; i < parameter.elements(); i++) {
                    float own = i % 200 + place;
                    float expected = i < shares.end(parameter) ? (own + others(type)) * 0.25f : own;
                    assertThat(gradient(parameter).get(i)).isEqualTo(rounded(expected, type));
                }
            }
        }
    }

    @Test
    void valuesComeBackAndSmallOnesTogether() {
        var parameters = parameters(DType.F32);
        var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
        var shares = Shares.of(team, groups, List.of(), List.of());
        try (var values = new ValueReturn(team)) {
            values.run(
                    List.of(
                            Stretch.of(shares, 0, parameters, BucketsTest::gradient),
                            Stretch.of(shares, 1, parameters, BucketsTest::gradient)));
        }
        for (int place = 0; place < parameters.size(); place++) {
            var parameter = parameters.get(place);
            for (long i = 0; i < parameter.elements(); i++) {
                float own = i % 200 + place;
                assertThat(gradient(parameter).get(i))
                        .isEqualTo(i < shares.end(parameter) ? own : others(DType.F32));
            }
        }
        // The first parameter, which is small, and this member's part of the second.
        assertThat(team.pieces).isEqualTo(2);
    }

    @Test
    void smallBucketsAreMany() {
        var parameters = parameters(DType.F32);
        var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
        try (var exchange = new GradientExchange(team, 1 << 15)) {
            exchange.run(
                    Shares.of(team, groups, List.of(), List.of()),
                    parameters,
                    BucketsTest::gradient,
                    BucketsTest::gradient,
                    2);
        }
        // Some 65,539 elements of this member in buckets of 32,768.
        assertThat(team.begun).isEqualTo(3);
        assertThat(team.over).isEqualTo(3);
        assertThat(team.mostUnderWay).isEqualTo(2);
    }

    @Test
    void aBucketWaitsForWhatIsInItTheLastParametersFirst() {
        var parameters = parameters(DType.F32);
        var groups = List.of(new ParameterGroup("all", Rules.sgd(1), parameters));
        var asked = new ArrayList<String>();
        try (var exchange = new GradientExchange(team, 1 << 16)) {
            exchange.run(
                    Shares.of(team, groups, List.of(), List.of()),
                    parameters,
                    BucketsTest::gradient,
                    BucketsTest::gradient,
                    2,
                    parameter -> asked.add(team.begun + parameter.name()));
        }
        // First this member's 65,536 elements and all 18 of the other one, then this one's 3.
        assertThat(asked).containsExactly("0p1", "0p3", "0p1", "1p0");
    }

    @Test
    void sumsAreTakenByAdjacentPairs() {
        var sum = floats(0, 0);
        new TreeSum(4)
                .run(
                        List.of(floats(1, 3), floats(1e8f, 3), floats(-1e8f, 0), floats(1, 1e-9f)),
                        0.5f,
                        sum);

        // (1 + 1e8) + (-1e8 + 1), which would be 1 one after the other, and (3 + 3) + (0 + 1e-9).
        assertThat(sum.get(0)).isZero();
        assertThat(sum.get(1)).isEqualTo(3f);
    }

    private FloatView floats(float... values) {
        return new FloatView(arena.allocateFrom(ValueLayout.JAVA_FLOAT, values), DType.F32);
    }
}
