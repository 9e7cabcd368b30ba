package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchRuntimeException;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.UnusableOptimizerException;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.NcclTeam;
import org.panoptim.cuda.driver.ChildJvm;
import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DType;
import org.panoptim.testkit.VirtualNccl;
import org.panoptim.tests.KfacNet;
import org.panoptim.tests.cuda.TeamTraining.Joined;
import org.panoptim.tests.cuda.TeamTraining.Work;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Members of a team whose gradients and parameters go by NCCL take steps with the bits of one. */
@Tag("virtual-gpu")
class NcclTeamTest {

    private static final Work WORK = new Work(Rules.adamW(1e-2));

    private long communicators;

    @BeforeEach
    void countCommunicators() {
        communicators = VirtualNccl.live();
    }

    @AfterEach
    void allAreClosed() {
        assertThat(VirtualNccl.live()).isEqualTo(communicators);
    }

    private static List<Team> team(int members) {
        return LocalTeam.of(members, Duration.ofSeconds(60));
    }

    private static List<String> byNccl(Work work, int members) throws Exception {
        return work.of(team(members), () -> Backend.named("cuda-ffm"), NcclTeamTest::join);
    }

    private static Joined join(Team member, Backend backend) {
        var joined = NcclTeam.over(member, backend);
        return new Joined(joined, joined::close);
    }

    private static void requireBitsOfOne(Work work, int members) throws Exception {
        assertThat(byNccl(work, members))
                .as("%s, %d members", work.rule().name(), members)
                .isEqualTo(work.of(team(1), () -> Backend.named("reference")));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 8})
    void theNumberOfMembersChangesNoBit(int members) throws Exception {
        requireBitsOfOne(WORK, members);
    }

    @Test
    void norWithSumsOfTensors() throws Exception {
        requireBitsOfOne(new Work(Rules.lamb(1e-2)), 4);
    }

    @Test
    void norWithSumsOfRowsAndColumns() throws Exception {
        requireBitsOfOne(new Work(Rules.adafactor(1e-2)), 2);
    }

    @Test
    void norWithPassesThatTakeGradientsOfTheirOwn() throws Exception {
        requireBitsOfOne(
                WORK.with(builder -> builder.companion(SAM.defaults()))
                        .stepping(
                                1,
                                (training, number) -> {
                                    training.differentiate(2 * number);
                                    training.optimizer().run(SAM.PERTURB);
                                    training.differentiate(2 * number + 1);
                                    training.optimizer().run(SAM.RESTORE);
                                    training.optimizer().step();
                                }),
                2);
    }

    @Test
    void norWithGradientsOfTwoBytesCopiesAndAverages() throws Exception {
        requireBitsOfOne(WORK.withType(DType.BF16), 4);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8})
    void norWithCurvature(int members) throws Exception {
        requireBitsOfOne(
                new Work(Rules.sophiaG(1e-2))
                        .withType(DType.BF16)
                        .stepping(
                                3,
                                (training, number) -> {
                                    training.curve(number != 1);
                                    training.step(number);
                                }),
                members);
    }

    @Test
    void norWithAGradientOfOneMemberThatIsNotFinite() throws Exception {
        requireBitsOfOne(
                WORK.with(builder -> builder.lossScale(LossScale.dynamic()))
                        .stepping(
                                3,
                                (training, number) -> {
                                    training.spoil(number == 1);
                                    training.step(number);
                                }),
                4);
    }

    /** What members have after some steps of a net that K-FAC preconditions. */
    private static List<List<String>> kfac(int members, TeamTraining.Joining joining)
            throws Exception {
        return KfacNet.onAll(
                members,
                member -> {
                    try (var backend = Backend.named("cuda-ffm");
                            var joined = joining.join(member, backend);
                            var net =
                                    new KfacNet(
                                            backend,
                                            kfac -> kfac,
                                            builder ->
                                                    builder.shards(
                                                            joined.team(), KfacNet.LEAVES))) {
                        for (int step = 0; step < 4; step++) {
                            net.step(member, step);
                        }
                        return net.hashes();
                    }
                });
    }

    @Test
    void norWithKfacWhoseSumsGoOverTheHost() throws Exception {
        var alone = kfac(1, (member, _) -> new Joined(member, () -> {})).getFirst();

        assertThat(kfac(4, NcclTeamTest::join)).hasSize(4).containsOnly(alone);
    }

    @Test
    void norWhereTransfersTakeTheirTime() throws Exception {
        VirtualNccl.delay(30);
        try {
            requireBitsOfOne(WORK, 2);
        } finally {
            VirtualNccl.delay(0);
        }
    }

    /**
     * How a step ended.
     *
     * @param thrown what it threw
     * @param reason what that says, or its cause
     * @param changed whether a parameter is another than before
     */
    private record End(Class<?> thrown, String reason, boolean changed) {}

    /** How the second step ended of each member, before which something is broken. */
    private static List<End> ends(Runnable fault) throws Exception {
        var found =
                TeamTraining.results(
                        LocalTeam.of(2, Duration.ofSeconds(2)), member -> end(member, fault));
        return found.stream().map(End.class::cast).toList();
    }

    private static End end(Team member, Runnable fault) {
        try (var backend = Backend.named("cuda-ffm");
                var joined = join(member, backend);
                var training = new TeamTraining(WORK, joined.team(), backend)) {
            training.step(0);
            var before = training.value(0).toArray();
            training.differentiate(1);
            member.barrier();
            if (member.rank() == 0) {
                fault.run();
            }
            member.barrier();
            var thrown = catchRuntimeException(training.optimizer()::step);
            var reason = thrown instanceof TeamException ? thrown : thrown.getCause();
            return new End(
                    thrown.getClass(),
                    reason.getMessage(),
                    !Arrays.equals(training.value(0).toArray(), before));
        }
    }

    @Test
    void aMemberThatIsGoneEndsTheStepOfAllBeforeAnythingChanges() throws Exception {
        try {
            assertThat(ends(() -> VirtualNccl.lose(1)))
                    .hasSize(2)
                    .allSatisfy(
                            end -> {
                                assertThat(end.thrown()).isEqualTo(TeamException.class);
                                assertThat(end.changed()).isFalse();
                                assertThat(end.reason())
                                        .matches(
                                                "member ([01]) gave up: member \\1 waited PT2S for"
                                                        + " the others in a transfer by NCCL");
                            });
        } finally {
            VirtualNccl.lose(-1);
        }
    }

    /** Long before the timeout, which is a minute. */
    @Test
    @Timeout(30)
    void whoWaitsForNcclIsToldAtOnceThatAnotherGaveUp() throws Exception {
        var members = team(2);
        try {
            var ends =
                    TeamTraining.results(
                            members,
                            member ->
                                    end(
                                            member,
                                            () -> {
                                                VirtualNccl.lose(1);
                                                givesUpSoon(members.get(1));
                                            }));

            assertThat(ends)
                    .containsOnly(
                            new End(TeamException.class, "member 1 gave up: out of paper", false));
        } finally {
            VirtualNccl.lose(-1);
        }
    }

    /** Not before it waits. */
    private static void givesUpSoon(Team member) {
        Thread.ofPlatform()
                .daemon()
                .start(
                        () -> {
                            LockSupport.parkNanos(500_000_000);
                            member.abort("out of paper");
                        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"ncclRecv", "ncclCommGetAsyncError"})
    void anErrorOfOneMemberEndsTheStepOfAllBeforeAnythingChanges(String call) throws Exception {
        var ends = ends(() -> VirtualNccl.fail(call, VirtualNccl.REMOTE_ERROR, 1));

        assertThat(ends).hasSize(2).containsOnly(ends.getFirst());
        assertThat(ends.getFirst().thrown()).isEqualTo(TeamException.class);
        assertThat(ends.getFirst().changed()).isFalse();
        assertThat(ends.getFirst().reason())
                .matches(
                        "member [01] gave up: NCCL failed in a transfer: remote"
                                + " process exited or there was a network error: injected"
                                + " into "
                                + call);
    }

    @Test
    void anErrorAfterTheDecisionLeavesUnusableOptimizers() throws Exception {
        // A member's groups in a step: gradients, measured sums, sums of the update, parameters.
        assertThat(ends(() -> VirtualNccl.fail("ncclGroupEnd", VirtualNccl.REMOTE_ERROR, 7)))
                .extracting(End::thrown)
                .hasSize(2)
                .containsOnly(UnusableOptimizerException.class);
    }

    /** Joins a team of one, and prints what came of it. */
    public static final class Join {

        /** In a process of its own, since a library that is found stays loaded. */
        public static void main(String[] arguments) {
            try (var backend = Backend.named("cuda-ffm");
                    var joined = NcclTeam.over(team(1).getFirst(), backend)) {
                System.out.println("joined a team of " + joined.size());
            } catch (CudaUnavailableException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    private static String join(String library) throws Exception {
        return ChildJvm.run(
                Join.class,
                Map.of(),
                "-Dpanoptim.nccl=" + library,
                "-Dpanoptim.kernels=" + System.getProperty("panoptim.kernels"));
    }

    @Test
    void aPropertyNamesTheLibrary() throws Exception {
        assertThat(join("libnccl.so.2")).contains("joined a team of 1");
        assertThat(join("/nowhere/libnccl.so"))
                .contains(
                        "no NCCL of 2.14 or later is installed or found (/nowhere/libnccl.so: not"
                                + " found by the system's loader; -Dpanoptim.nccl=FILE names one"
                                + " elsewhere)");
        assertThat(join("libcuda.so.1"))
                .contains("libcuda.so.1: has no symbol ncclCommInitRankConfig");
    }

    @Test
    void whoCannotJoinTellsTheOthers() throws Exception {
        VirtualNccl.fail("ncclCommInitRankConfig", VirtualNccl.REMOTE_ERROR, 1);
        var found =
                TeamTraining.results(
                        LocalTeam.of(2, Duration.ofSeconds(2)),
                        member -> {
                            try (var backend = Backend.named("cuda-ffm")) {
                                return join(member, backend);
                            }
                        });

        assertThat(found)
                .hasSize(2)
                .allSatisfy(
                        thrown ->
                                assertThat((Throwable) thrown)
                                        .isInstanceOf(TeamException.class)
                                        .hasMessageContaining(
                                                " gave up: NCCL failed in joining: "));
    }

    @Test
    void aMemberThatGivesUpEndsTheTeam() throws Exception {
        try (var backend = Backend.named("cuda-ffm");
                var joined = NcclTeam.over(team(1).getFirst(), backend)) {
            joined.abort("out of paper");

            assertThatThrownBy(joined::barrier)
                    .isInstanceOf(TeamException.class)
                    .hasMessage("member 0 gave up: out of paper");
        }
    }

    @Test
    void theTeamIsForTheBackendThatItWasJoinedWith() throws Exception {
        try (var host = Backend.named("reference")) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> NcclTeam.over(team(1).getFirst(), host))
                    .withMessage(
                            "NCCL moves what lies on CUDA devices, but the backend is reference");
        }
        try (var one = Backend.named("cuda-ffm");
                var other = Backend.named("cuda-ffm");
                var joined = NcclTeam.over(team(1).getFirst(), one)) {
            assertThatThrownBy(() -> new TeamTraining(WORK, joined, other))
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessage("backend cuda-ffm: the team was joined with another backend");
            assertThatThrownBy(one::close)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("is still used by 1");
        }
    }
}
