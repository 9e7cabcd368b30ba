package org.panoptim.testkit.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;

import java.util.LinkedHashMap;
import java.util.Map;

class SnapshotTest {

    private static final int[] NANS = {0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF};

    private static Snapshot snapshot(
            Map<String, float[]> tensors, Map<String, Double> numbers, Map<String, String> texts) {
        return new Snapshot(
                new LinkedHashMap<>(tensors),
                new LinkedHashMap<>(numbers),
                new LinkedHashMap<>(texts));
    }

    private static Snapshot tensor(float... values) {
        return snapshot(Map.of("w", values), Map.of(), Map.of());
    }

    @Test
    void theLargestDifferenceIsNamed() {
        var expected = snapshot(Map.of("w", new float[] {1, 2, 3}), Map.of("norm", 1.0), Map.of());
        var actual =
                snapshot(
                        Map.of("w", new float[] {1, Math.nextUp(2f), 3 + 3 * Math.ulp(3f)}),
                        Map.of("norm", Math.nextUp(1.0)),
                        Map.of());

        var difference = actual.differenceFrom(expected);

        assertThat(difference.units()).isEqualTo(3);
        assertThat(difference.what()).isEqualTo("w[2]");
        assertThat(difference.toString())
                .startsWith("3 units at w[2]: expected 3.0 (0x40400000), found 3.00000")
                .endsWith("(0x40400003)");
        assertThat(expected.differenceFrom(expected).isNone()).isTrue();
    }

    @Test
    void allNaNsAreOneValueWhateverTheirSignAndPayload() {
        for (int left : NANS) {
            for (int right : NANS) {
                assertThat(bits(left).differenceFrom(bits(right)).isNone()).isTrue();
            }
        }
    }

    @Test
    void aNaNIsNoNumberAndNoInfinity() {
        for (float number : new float[] {0, 1, Float.POSITIVE_INFINITY}) {
            assertThat(tensor(number).differenceFrom(bits(NANS[0])).unitsText()).isEqualTo("NaN");
            assertThat(bits(NANS[0]).differenceFrom(tensor(number)).unitsText()).isEqualTo("NaN");
        }
    }

    @Test
    void zerosOfBothSignsAndNeighboursDiffer() {
        assertThat(tensor(-0f).differenceFrom(tensor(0f)).units()).isEqualTo(1);
        assertThat(bits(1).differenceFrom(bits(0)).units()).isEqualTo(1);
        assertThat(bits(0x3F800001).differenceFrom(bits(0x3F800000)).units()).isEqualTo(1);
    }

    private static Snapshot bits(int bits) {
        return tensor(Float.intBitsToFloat(bits));
    }

    @Test
    void aNumberThatIsOffCountsToo() {
        var expected = snapshot(Map.of(), Map.of("count", 3.0), Map.of());
        var actual = snapshot(Map.of(), Map.of("count", 4.0), Map.of());

        assertThat(actual.differenceFrom(expected).what()).isEqualTo("count");
    }

    @Test
    void anotherTextIsALargerDifferenceThanAnyNumber() {
        var expected = snapshot(Map.of(), Map.of("count", 3.0), Map.of("thrown", "nothing"));
        var actual = snapshot(Map.of(), Map.of("count", 9.0), Map.of("thrown", "something"));

        assertThat(actual.differenceFrom(expected))
                .isEqualTo(new Difference(Units.INCOMPARABLE, "thrown", "nothing", "something"));
    }

    @Test
    void snapshotsOfDifferentScenariosAreNotCompared() {
        var one = snapshot(Map.of(), Map.of("count", 3.0), Map.of());
        var other = snapshot(Map.of(), Map.of("norm", 3.0), Map.of());

        assertThatIllegalArgumentException().isThrownBy(() -> one.differenceFrom(other));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tensor(1).differenceFrom(tensor(1, 2)));
    }
}
