package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.panoptim.bench.result.TeamSpeed.Exchange;

import java.util.ArrayList;
import java.util.List;

/** Constants are found again in times that follow from them. */
class SpeedFitTest {

    private static final Percentage CLOSE = Percentage.withPercentage(1e-6);

    private static List<Exchange> exchanges(
            double latency, double message, double bandwidth, int... teams) {
        var exchanges = new ArrayList<Exchange>();
        for (int members : teams) {
            for (long bytes : new long[] {1 << 12, 1 << 16, 1 << 22}) {
                double seconds = latency + members * (members - 1) * (message + bytes / bandwidth);
                exchanges.add(new Exchange(members, bytes, new double[] {seconds}));
            }
        }
        return exchanges;
    }

    @Test
    void latencyMessagesAndBandwidthAreToldApartByTeamsOfSeveralSizes() {
        var speed = SpeedFit.of(2, 20e9, exchanges(3e-4, 2e-5, 1.5e9, 2, 4, 8));
        assertThat(speed.latency()).isCloseTo(3e-4, CLOSE);
        assertThat(speed.message()).isCloseTo(2e-5, CLOSE);
        assertThat(speed.bandwidth()).isCloseTo(1.5e9, CLOSE);
        assertThat(speed.memory()).isEqualTo(20e9);
        assertThat(speed.processors()).isEqualTo(2);
        assertThat(speed.tellsMessages()).isTrue();
    }

    @Test
    void ofTeamsOfOneSizeLatencyAndMessagesAreOne() {
        var speed = SpeedFit.of(2, 20e9, exchanges(3e-4, 2e-5, 1.5e9, 2));
        assertThat(speed.latency() + 2 * speed.message()).isCloseTo(3.4e-4, CLOSE);
        assertThat(speed.tellsMessages()).isFalse();
        assertThat(speed.bandwidth()).isCloseTo(1.5e9, CLOSE);
    }

    @Test
    void nothingIsBelowZero() {
        // Many small messages at once that take no longer than one: a cost of messages below zero.
        var exchanges =
                List.of(
                        new Exchange(2, 1 << 12, new double[] {4e-4}),
                        new Exchange(8, 1 << 12, new double[] {1e-4}),
                        new Exchange(2, 1 << 22, new double[] {4e-3}),
                        new Exchange(8, 1 << 22, new double[] {1e-1}));
        var speed = SpeedFit.of(2, 20e9, exchanges);
        assertThat(speed.latency()).isNotNegative();
        assertThat(speed.message()).isNotNegative();
        assertThat(speed.bandwidth()).isPositive();
    }

    @Test
    void errorsCountByTheTimeThatWasMeasured() {
        // A long exchange that took twice as long does not spoil what short ones say of latency.
        var exchanges = new ArrayList<>(exchanges(1e-4, 0, 1e9, 2));
        exchanges.add(new Exchange(2, 1 << 24, new double[] {2 * .0336544}));
        var speed = SpeedFit.of(2, 20e9, exchanges);
        assertThat(speed.latency() + 2 * speed.message()).isCloseTo(1e-4, within(1e-5));
    }

    @Test
    void withoutExchangesThereIsNoBandwidth() {
        assertThatThrownBy(() -> SpeedFit.of(2, 20e9, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("0 exchanges do not tell a bandwidth");
    }
}
