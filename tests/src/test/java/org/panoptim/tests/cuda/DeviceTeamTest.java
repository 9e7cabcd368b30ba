package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.testkit.VirtualGpu;
import org.panoptim.tests.cuda.TeamTraining.Work;

import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/** Members of a team whose nets lie on a device take steps with the bits of one on the host. */
@Tag("virtual-gpu")
class DeviceTeamTest {

    static List<Team> team(int members) {
        return LocalTeam.of(members, Duration.ofSeconds(60));
    }

    private static void requireBitsOfOne(Work work) throws Exception {
        requireBitsOfOne(work, List.of(4));
    }

    private static void requireBitsOfOne(Work work, List<Integer> sizes) throws Exception {
        var alone = work.of(team(1), () -> Backend.named("reference"));
        for (int members : sizes) {
            assertThat(work.of(team(members), () -> Backend.named("cuda-ffm")))
                    .as("%s, %d members", work.rule().name(), members)
                    .isEqualTo(alone);
        }
    }

    static Stream<UpdateRule> rules() {
        return Stream.of(
                Rules.adamW(1e-2), Rules.lamb(1e-2), Rules.adafactor(1e-2), Rules.prodigy(1));
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theNumberOfMembersChangesNoBit(UpdateRule rule) throws Exception {
        requireBitsOfOne(new Work(rule), List.of(1, 2, 4));
    }

    static Stream<UpdateRule> companions() {
        return Stream.of(Cautious.ofUpdates(), new Centralize());
    }

    @ParameterizedTest
    @MethodSource("companions")
    void norWithCompanionsThatGoWithEveryStep(UpdateRule companion) throws Exception {
        requireBitsOfOne(new Work(Rules.adamW(1e-2)).with(builder -> builder.companion(companion)));
    }

    @Test
    void norWithPassesThatTakeGradientsOfTheirOwn() throws Exception {
        requireBitsOfOne(
                new Work(Rules.sgd(1e-2))
                        .with(builder -> builder.companion(SAM.defaults()))
                        .stepping(
                                2,
                                (training, number) -> {
                                    training.differentiate(2 * number);
                                    training.optimizer().run(SAM.PERTURB);
                                    training.differentiate(2 * number + 1);
                                    training.optimizer().run(SAM.RESTORE);
                                    training.optimizer().step();
                                }));
    }

    @Test
    void norWithGradientsOfTwoBytesCopiesAndAverages() throws Exception {
        // Sums of leaves travel as floats; where a member has a leaf, its gradient as it is.
        requireBitsOfOne(new Work(Rules.adamW(1e-2)).withType(DType.BF16), List.of(4, 8));
    }

    /** The state {@code hessian} is the mean that the last step with curvature has seen. */
    private static final Work CURVED =
            new Work(Rules.sophiaH(1e-2).withBetas(.9, 0))
                    .stepping(
                            3,
                            (training, number) -> {
                                training.curve(number != 1);
                                training.step(number);
                            });

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "BF16"})
    void norWithCurvatureOfSomeSteps(DType type) throws Exception {
        requireBitsOfOne(CURVED.withType(type), List.of(1, 2, 4, 8));
    }

    @Test
    void norWithCurvatureThatWaitsForTheStepWhileAPassUsesGradientsUp() throws Exception {
        requireBitsOfOne(
                CURVED.with(builder -> builder.companion(SAM.defaults()))
                        .stepping(
                                2,
                                (training, number) -> {
                                    training.curve(true);
                                    training.differentiate(2 * number);
                                    training.optimizer().run(SAM.PERTURB);
                                    training.curve(false);
                                    training.differentiate(2 * number + 1);
                                    training.optimizer().run(SAM.RESTORE);
                                    training.optimizer().step();
                                }),
                List.of(1, 2));
    }

    @Test
    void norWithCurvatureOfAFrozenGroup() throws Exception {
        requireBitsOfOne(
                CURVED.stepping(
                        3,
                        (training, number) -> {
                            switch (number) {
                                case 1 -> training.optimizer().freeze("first");
                                case 2 -> training.optimizer().unfreeze("first");
                                default -> {}
                            }
                            training.curve(true);
                            training.step(number);
                        }));
    }

    @Test
    void curvatureOfOneMemberThatIsNotFiniteRefusesTheStepOfAll() throws Exception {
        var work =
                CURVED.stepping(
                        3,
                        (training, number) -> {
                            training.curve(true);
                            stepOverNaN(training, number);
                        });

        requireBitsOfOne(work);
        assertThat(work.of(team(2), () -> Backend.named("cuda-ffm")))
                .anyMatch(found -> found.startsWith("step 2, skipped 1, "));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void curvatureThatIsHandedInIsOnlyRead(int members) throws Exception {
        var found =
                TeamTraining.results(
                        team(members),
                        member -> {
                            try (var backend = Backend.named("cuda-ffm");
                                    var training = new TeamTraining(CURVED, member, backend)) {
                                training.curve(true);
                                training.differentiate(0);
                                var before = training.curvature(0).toArray();
                                assertThat(before[0]).isNotZero();
                                training.optimizer().step();
                                assertThat(training.curvature(0).toArray()).isEqualTo(before);
                                return "read";
                            }
                        });

        assertThat(found).containsOnly("read");
    }

    @Test
    void norThroughJcuda() throws Exception {
        var work = new Work(Rules.adamW(1e-2));

        assertThat(work.of(team(2), () -> Backend.named(CudaJcudaProvider.NAME)))
                .isEqualTo(work.of(team(1), () -> Backend.named("reference")));
        assertThat(CURVED.of(team(2), () -> Backend.named(CudaJcudaProvider.NAME)))
                .isEqualTo(CURVED.of(team(1), () -> Backend.named("reference")));
    }

    @Test
    void norWithGroupsThatAreFrozenAndAdded() throws Exception {
        requireBitsOfOne(
                new Work(Rules.adamW(1e-2))
                        .withType(DType.BF16)
                        .stepping(
                                4,
                                (training, number) -> {
                                    switch (number) {
                                        case 1 -> training.optimizer().freeze("first");
                                        case 2 -> training.addGroup();
                                        case 3 -> training.optimizer().learningRate("second", .1);
                                        default -> {}
                                    }
                                    training.step(number);
                                }));
    }

    @Test
    void leavesFromBeforeAGroupWasUnfrozenAreRefusedAndTakenUpAnew() throws Exception {
        requireBitsOfOne(
                new Work(Rules.adamW(1e-2))
                        .stepping(
                                2,
                                (training, number) -> {
                                    training.optimizer().freeze("first");
                                    training.differentiate(7);
                                    training.optimizer().unfreeze("first");
                                    assertThatThrownBy(training.optimizer()::step)
                                            .isInstanceOf(IllegalStateException.class)
                                            .hasMessageContaining("of other parameters than the")
                                            .hasMessageContaining("Optimizer.discard");
                                    training.optimizer().discard();
                                    training.step(number);
                                }));
    }

    /** The second batch has a NaN, in a part that another member owns than has it. */
    private static void stepOverNaN(TeamTraining training, int number) {
        training.spoil(number == 1);
        training.step(number);
    }

    @Test
    void aGradientOfOneMemberThatIsNotFiniteRefusesTheStepOfAll() throws Exception {
        var work =
                new Work(Rules.adamW(1e-2))
                        .with(builder -> builder.lossScale(LossScale.dynamic()))
                        .stepping(3, DeviceTeamTest::stepOverNaN);

        requireBitsOfOne(work);
        assertThat(work.of(team(2), () -> Backend.named("cuda-ffm")))
                .anyMatch(found -> found.startsWith("step 2, skipped 1, "));
    }

    @Test
    void passesBeforeItWaitOnAll() throws Exception {
        requireBitsOfOne(
                new Work(Rules.adamW(1e-2))
                        .with(builder -> builder.companion(Hypergradient.defaults()))
                        .stepping(3, DeviceTeamTest::stepOverNaN));
    }

    @Test
    void orAllThrowOfTheSameStep() throws Exception {
        // Nothing but the wait for refusals waits for the decision.
        var work =
                new Work(Rules.sgd(1e-2))
                        .with(builder -> builder.nonFinite(NonFinitePolicy.FAIL).statistics(false));

        var found =
                TeamTraining.results(
                        team(2),
                        member -> {
                            try (var backend = Backend.named("cuda-ffm");
                                    var training = new TeamTraining(work, member, backend)) {
                                training.step(0);
                                float before = training.value(1).toArray()[0];
                                assertThatThrownBy(() -> stepOverNaN(training, 1))
                                        .isInstanceOf(NonFiniteGradientException.class);
                                assertThat(training.value(1).toArray()[0]).isEqualTo(before);
                                training.spoil(false);
                                training.step(2);
                                return training.optimizer().report().step();
                            }
                        });

        assertThat(found).containsOnly(2L);
    }

    @Test
    void leavesLeaveZerosInTheGradients() throws Exception {
        try (var backend = Backend.named("cuda-ffm");
                var training =
                        new TeamTraining(
                                new Work(Rules.adamW(1e-2)).withType(DType.BF16),
                                team(1).getFirst(),
                                backend)) {
            training.differentiate(0);

            assertThat(training.gradient(3).toArray()).hasSize(129 * 3).containsOnly(0);
        }
    }

    @Test
    void nothingIsLeftOnTheDevice() throws Exception {
        var kinds = List.of("allocations", "pinned", "events", "streams");
        var before = kinds.stream().map(VirtualGpu::live).toList();

        CURVED.of(team(2), () -> Backend.named("cuda-ffm"));

        assertThat(kinds).extracting(VirtualGpu::live).isEqualTo(before);
    }

    @Test
    void aStepThatATeamSharesIsNotCaptured() throws Exception {
        try (var backend = Backend.named("cuda-ffm");
                var training =
                        new TeamTraining(
                                new Work(Rules.adamW(1e-2)), team(1).getFirst(), backend)) {
            assertThatThrownBy(training.optimizer()::capture)
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessage("backend cuda-ffm: a step that a team shares cannot be captured");
        }
    }
}
