package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.panoptim.bench.result.TeamSpeed;

import java.util.List;

/** The model's arithmetic, with numbers that can be worked out by hand. */
class PhaseModelTest {

    /** 256 MiB. */
    private static final long ELEMENTS = 1 << 26;

    private static final double SIZE = ELEMENTS * 4.0;

    private static PhaseModel model(double latency, double message, double rate, boolean shared) {
        return new PhaseModel(new Network("a", "b", latency, message, rate, shared), SIZE);
    }

    @Test
    void gradientsGoOutAndValuesComeBackWithoutTheOwnersPart() {
        assertThat(PhaseModel.wireBytes(ELEMENTS, 1)).isZero();
        assertThat(PhaseModel.wireBytes(ELEMENTS, 2)).isEqualTo(SIZE);
        assertThat(PhaseModel.wireBytes(ELEMENTS, 4)).isEqualTo(1.5 * SIZE);
    }

    @Test
    void callsAreBucketsOfGradientsTheValuesAndAgreements() {
        // A half of 256 MiB in buckets of 8, and a quarter in buckets of a third of that.
        assertThat(PhaseModel.calls(ELEMENTS, 2)).isEqualTo(16 + 1 + 2);
        assertThat(PhaseModel.calls(ELEMENTS + 1, 2)).isEqualTo(17 + 1 + 2);
        assertThat(PhaseModel.calls(ELEMENTS, 4)).isEqualTo(25 + 1 + 2);
        // Messages get no smaller than 256 KiB.
        assertThat(PhaseModel.calls(ELEMENTS, 64)).isEqualTo(16 + 1 + 2);
    }

    @Test
    void aMemberHasItsPartOfTwoStates() {
        assertThat(PhaseModel.stateBytes(ELEMENTS, 4)).isEqualTo(SIZE / 2);
    }

    @Test
    void memoryIsPassedOverForSumsAndTheUpdate() {
        // Of a quarter four are read and the mean is written, and AdamW passes over seven arrays.
        assertThat(PhaseModel.memoryBytes(ELEMENTS, 4)).isCloseTo(SIZE * (5 + 7) / 4, within(1.0));
    }

    @Test
    void whoIsAloneUpdatesAndDoesNothingElse() {
        var cost = model(1e-3, 1e-4, SIZE, true).cost(ELEMENTS, 1);
        assertThat(cost.total()).isCloseTo(7, within(1e-6));
        assertThat(cost.memory()).isEqualTo(cost.total());
    }

    @Test
    void membersOfManyMachinesWorkAtTheSameTime() {
        var cost = model(1e-3, 1e-4, SIZE / 2, false).cost(ELEMENTS, 4);
        assertThat(cost.latency()).isCloseTo(.028, within(1e-12));
        assertThat(cost.messages()).isCloseTo(28 * 3 * 1e-4, within(1e-12));
        assertThat(cost.wire()).isCloseTo(3, within(1e-12));
        assertThat(cost.memory()).isCloseTo(3, within(1e-6));
        assertThat(cost.total()).isCloseTo(.028 + .0084 + 3 + 3, within(1e-6));
    }

    @Test
    void membersOfOneMachineShareIt() {
        var alone = model(1e-3, 1e-4, SIZE, false).cost(ELEMENTS, 4);
        var shared = model(1e-3, 1e-4, SIZE, true).cost(ELEMENTS, 4);
        assertThat(shared.latency()).isEqualTo(alone.latency());
        assertThat(shared.messages()).isEqualTo(4 * alone.messages());
        assertThat(shared.wire()).isEqualTo(4 * alone.wire());
        assertThat(shared.memory()).isEqualTo(4 * alone.memory());
    }

    @Test
    void aMessageOfALargerTeamCostsWhatItCostsHereWithAProcessorOfItsOwn() {
        var speed = new TeamSpeed(2, 1, 1e-3, 1e-4, 1, List.of());
        assertThat(Network.published(speed))
                .isNotEmpty()
                .allSatisfy(
                        network -> {
                            assertThat(network.message()).isEqualTo(2e-4);
                            assertThat(network.shared()).isFalse();
                        });
        // The network's latency in addition to that of a call here.
        assertThat(Network.published(speed))
                .extracting(Network::latency)
                .containsExactly(1.05e-3, 1.002e-3);
        assertThat(Network.loopback(speed).message()).isEqualTo(1e-4);
        assertThat(Network.loopback(speed).shared()).isTrue();
    }

    @Test
    void aHundredGigabitsAreTwelveAndAHalfGigabytes() {
        assertThat(Network.published(new TeamSpeed(2, 1, 1, 1, 1, List.of())))
                .extracting(Network::bandwidth)
                .containsExactly(12.5e9, 50e9);
    }
}
