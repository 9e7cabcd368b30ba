package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** The tree against a model that builds it from its description, list by list. */
class ReductionTreeTest {

    static final int BLOCK = 4096;
    private static final int LANES = 128;

    @ParameterizedTest
    @ValueSource(
            ints = {
                0,
                1,
                2,
                3,
                127,
                128,
                129,
                255,
                4095,
                4096,
                4097,
                8192,
                8193,
                3 * 4096 + 5,
                65_537
            })
    void theTreeIsAsDescribed(int elements) {
        var values = values(elements, 1);
        assertThat(bits(tree(values))).isEqualTo(bits(model(values)));
    }

    @Test
    void theOrderShowsInTheBits() {
        // Else the model would prove nothing.
        var values = values(3 * BLOCK + 5, 1);
        double running = 0;
        for (float value : values) {
            running += (double) value * value;
        }
        assertThat(tree(values)).isNotEqualTo(running);
    }

    @Test
    void joiningIsByAdjacentPairsAndAnOddOneMovesUp() {
        // 1 + 2⁻⁵³ rounds to 1, 2⁻⁵³ + 2⁻⁵³ does not vanish: the pairs show.
        double tiny = 0x1p-53;
        assertThat(ReductionTree.join(new double[] {1, tiny, tiny})).isEqualTo(1);
        assertThat(ReductionTree.join(new double[] {tiny, tiny, 1})).isEqualTo(1 + 0x1p-52);
        assertThat(ReductionTree.join(new double[] {1, 0, tiny, tiny})).isEqualTo(1 + 0x1p-52);
        assertThat(ReductionTree.join(new double[] {1, tiny, tiny, 0, tiny})).isEqualTo(1);
    }

    @Test
    void nothingSumsToPositiveZero() {
        assertThat(bits(ReductionTree.join(new double[0]))).isEqualTo(bits(0));
        assertThat(bits(new ReductionTree(0).sum())).isEqualTo(bits(0));
        assertThat(bits(new ReductionTree(5000).sum())).isEqualTo(bits(0));
        assertThat(bits(tree(new float[] {-0f, -0f}))).isEqualTo(bits(0));
    }

    @Test
    void elementsLeftOutCountAsZero() {
        var tree = new ReductionTree(4 * BLOCK);
        tree.add(3, 2, 3);
        tree.add(2L * BLOCK + 7, 5, -1);
        assertThat(tree.sum()).isEqualTo(1);
    }

    @Test
    void productsAreExactInDouble() {
        float a = 1 + 0x1p-23f;
        var tree = new ReductionTree(1);
        tree.add(0, a, a);
        assertThat(tree.sum()).isEqualTo(1 + 0x1p-22 + 0x1p-46);
    }

    @Test
    void nanAndInfinityReachTheSum() {
        for (int place : new int[] {0, 200, 4096, 4999}) {
            var values = values(5000, 1);
            values[place] = Float.NaN;
            assertThat(tree(values)).isNaN();
            values[place] = Float.NEGATIVE_INFINITY;
            assertThat(tree(values)).isEqualTo(Double.POSITIVE_INFINITY);
        }
    }

    @Test
    void theSquaresOfTheLargestFloatsStayFinite() {
        var values = new float[100_000];
        Arrays.fill(values, Float.MAX_VALUE);
        assertThat(tree(values)).isFinite();
    }

    /** Magnitudes vary, so that every other order rounds otherwise. */
    static float[] values(int elements, int seed) {
        var random = new Random(seed);
        var values = new float[elements];
        for (int i = 0; i < elements; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(-8, 8)));
        }
        return values;
    }

    static double tree(float[] values) {
        var tree = new ReductionTree(values.length);
        for (int i = 0; i < values.length; i++) {
            tree.add(i, values[i], values[i]);
        }
        return tree.sum();
    }

    static double model(float[] values) {
        var blocks = new ArrayList<Double>();
        for (int start = 0; start < values.length; start += BLOCK) {
            int first = start;
            int end = Math.min(start + BLOCK, values.length);
            var lanes =
                    IntStream.range(0, LANES)
                            .mapToObj(lane -> laneSum(values, first + lane, end))
                            .toList();
            blocks.add(joinHalves(lanes));
        }
        return joinPairs(blocks);
    }

    private static double laneSum(float[] values, int first, int end) {
        double sum = 0;
        for (int i = first; i < end; i += LANES) {
            sum = Math.fma((double) values[i], (double) values[i], sum);
        }
        return sum;
    }

    private static double joinHalves(List<Double> lanes) {
        int half = lanes.size() / 2;
        return half == 0
                ? lanes.getFirst()
                : joinHalves(
                        IntStream.range(0, half)
                                .mapToObj(i -> lanes.get(i) + lanes.get(i + half))
                                .toList());
    }

    private static double joinPairs(List<Double> values) {
        if (values.size() < 2) {
            return values.isEmpty() ? 0 : values.getFirst();
        }
        var joined = new ArrayList<Double>();
        for (int i = 0; i + 1 < values.size(); i += 2) {
            joined.add(values.get(i) + values.get(i + 1));
        }
        if (values.size() % 2 == 1) {
            joined.add(values.getLast());
        }
        return joinPairs(joined);
    }

    static long bits(double value) {
        return Double.doubleToRawLongBits(value);
    }
}
