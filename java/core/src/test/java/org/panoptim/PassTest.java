package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;

/** Named passes beside the step. */
class PassTest {

    private final Backend backend = Backend.named("reference");

    @TempDir Path folder;

    @AfterEach
    void close() {
        backend.close();
    }

    /** A rule whose parts are given; public, since a checkpoint keeps its settings. */
    private static UpdateRule rule(
            String name,
            int phases,
            List<Pass> passes,
            List<Slot> slots,
            BiFunction<Integer, Preparation, ElementUpdate> prepare) {
        return new Made(new Parts(name, phases, passes, slots, List.of(), prepare), 1);
    }

    private record Parts(
            String name,
            int phases,
            List<Pass> passes,
            List<Slot> slots,
            List<Reduction> reductions,
            BiFunction<Integer, Preparation, ElementUpdate> prepare) {}

    /** A rule of its parts. */
    private static final class Made implements UpdateRule {

        private final Parts parts;
        private final double rate;

        Made(Parts parts, double rate) {
            this.parts = parts;
            this.rate = rate;
        }

        @Override
        public String name() {
            return parts.name;
        }

        @Override
        public double learningRate() {
            return rate;
        }

        @Override
        public Made atLearningRate(double value) {
            return new Made(parts, value);
        }

        @Override
        public org.panoptim.rule.RuleDescriptor<?> descriptor() {
            return org.panoptim.rule.RuleDescriptor.of(Made.class, "made for the test")
                    .learningRate(1, Made::learningRate)
                    .build(v -> new Made(parts, v.number()));
        }

        @Override
        public List<Slot> slots() {
            return parts.slots;
        }

        @Override
        public int phases() {
            return parts.phases;
        }

        @Override
        public List<Pass> passes() {
            return parts.passes;
        }

        @Override
        public List<Reduction> reductions() {
            return parts.reductions;
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return parts.prepare.apply(phase, preparation);
        }
    }

    /** Steps like SGD; "add" adds the gradient, "double" doubles every parameter. */
    private static UpdateRule adding() {
        return rule(
                "adding",
                1,
                List.of(Pass.overGradients("add", 1), Pass.overAll("double", 1)),
                List.of(),
                (phase, _) ->
                        switch (phase) {
                            case 0 -> e -> e.parameter(e.parameter() - e.gradient());
                            case 1 -> e -> e.parameter(e.parameter() + e.gradient());
                            default -> e -> e.parameter(2 * e.parameter());
                        });
    }

    /** A companion: "show" swaps the parameters with what it keeps, and "hide" swaps them back. */
    private static UpdateRule swapping() {
        return rule(
                "swapping",
                0,
                List.of(Pass.overAll("show", 1).closedBy("hide"), Pass.overAll("hide", 1)),
                List.of(new Slot("kept").startingAtParameter()),
                (_, _) ->
                        e -> {
                            float p = e.parameter();
                            e.parameter(e.state(0));
                            e.state(0, p);
                        });
    }

    private Optimizer.Builder<?> builder(UpdateRule rule) {
        return Optimizer.builder(rule).backend(backend);
    }

    private static Parameter ones(String name) {
        return gradient(vector(name, 1, 1), 1, 2);
    }

    private static void assertRefused(ThrowingCallable call, String... parts) {
        assertThatThrownBy(call)
                .isInstanceOf(IllegalStateException.class)
                .isNotInstanceOf(UnusableOptimizerException.class)
                .hasMessageContainingAll(parts);
    }

    @Test
    void aPassGoesOverTheParametersThatItSays() {
        var with = ones("with");
        var without = vector("without", 3);
        var frozen = ones("frozen");
        var other = ones("other");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(with, without))
                        .group("frozen", List.of(frozen))
                        .group("other", List.of(other), SGD.withLearningRate(1))
                        .build()) {
            optimizer.freeze("frozen");
            optimizer.run("add");
            assertThat(values(with)).containsExactly(2, 3);
            assertThat(values(without)).containsExactly(3);
            optimizer.run("double");
            assertThat(values(with)).containsExactly(4, 6);
            assertThat(values(without)).containsExactly(6);
            assertThat(values(frozen)).containsExactly(1, 1);
            assertThat(values(other)).containsExactly(1, 1);
            optimizer.unfreeze("frozen");
            optimizer.run("double");
            assertThat(values(frozen)).containsExactly(2, 2);
        }
    }

    @Test
    void aPassLeavesAllElseAsItIs() {
        var p = ones("p");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(p))
                        .clipGlobalNorm(0.5)
                        .statistics(true)
                        .zeroGradients(true)
                        .schedule(Schedule.of(step -> step))
                        .lossScale(new LossScale.Dynamic(4, 2, 0.5, 1))
                        .build()) {
            gradient(p, 4, 8);
            optimizer.step();
            gradient(p, 8, 16);
            var report = optimizer.report();
            var before = values(p);
            // At the present loss scale, 8, and not clipped.
            optimizer.run("add");
            assertThat(values(p)).containsExactly(before[0] + 1, before[1] + 2);
            assertThat(optimizer.report()).isEqualTo(report);
            assertThat(org.panoptim.parameter.Tensors.gradientValues(p)).containsExactly(8, 16);
            gradient(p, Float.NaN, 8);
            optimizer.run("add");
            assertThat(values(p)).containsExactly(Float.NaN, before[1] + 3);
            assertThat(optimizer.report()).isEqualTo(report);
        }
    }

    @Test
    void preparingAPassKnowsStepAndCountButNoSchedule() {
        var seen = new ArrayList<List<Object>>();
        var rule =
                rule(
                        "asking",
                        1,
                        List.of(Pass.overAll("ask", 1)),
                        List.of(),
                        (phase, preparation) -> {
                            if (phase == 1) {
                                seen.add(
                                        List.of(
                                                preparation.step(),
                                                preparation.count(),
                                                preparation.rate(3),
                                                preparation.momentum(0.25)));
                            }
                            return _ -> {};
                        });
        var always = ones("always");
        var once = ones("once");
        try (var optimizer =
                builder(rule)
                        .group("a", List.of(always, once))
                        .schedule(Schedule.of(step -> 1.0 / (1 + step)))
                        .build()) {
            optimizer.run("ask");
            optimizer.step();
            once.clearGradient();
            optimizer.step();
            optimizer.run("ask");
        }
        assertThat(seen)
                .containsExactly(
                        List.of(0L, 0L, 3.0, 0.25),
                        List.of(0L, 0L, 3.0, 0.25),
                        List.of(2L, 2L, 3.0, 0.25),
                        List.of(2L, 1L, 3.0, 0.25));
    }

    @Test
    void aPassSeesTheSumsOfItsOwnPhasesAlone() {
        var seen = new ArrayList<Double>();
        BiFunction<Integer, Preparation, ElementUpdate> prepare =
                (phase, preparation) -> {
                    seen.add(preparation.reduction(0));
                    seen.add(preparation.reduction(1));
                    return switch (phase) {
                        case 0 -> e -> e.reduce(0, e.gradient(), 1);
                        case 2 -> e -> e.reduce(1, e.parameter(), 1);
                        default -> _ -> {};
                    };
                };
        var parts =
                new Parts(
                        "summing",
                        2,
                        List.of(Pass.overAll("sum", 2)),
                        List.of(),
                        List.of(
                                new Reduction("gradient", Reduction.Scope.TENSOR, 0),
                                new Reduction("value", Reduction.Scope.ALL, 2)),
                        prepare);
        var p = ones("p");
        try (var optimizer = builder(new Made(parts, 1)).group("a", List.of(p)).build()) {
            optimizer.step();
            optimizer.run("sum");
            optimizer.step();
        }
        assertThat(seen)
                .containsExactly(0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0);
    }

    @Test
    void anUnknownPassIsAnsweredWithThoseThereAre() {
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(ones("p")))
                        .companion(SAM.defaults())
                        .build()) {
            assertThatThrownBy(() -> optimizer.run("perturbe"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage(
                            "there is no pass 'perturbe'; the passes are add, double, perturb,"
                                    + " restore");
        }
        try (var optimizer =
                Optimizer.builder(SGD.withLearningRate(1))
                        .group("a", List.of(ones("p")))
                        .backend(backend)
                        .build()) {
            assertThatThrownBy(() -> optimizer.run("eval"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("there is no pass 'eval'; no rule of the optimizer has passes");
        }
    }

    @Test
    void betweenOpeningAndClosingNothingElseIsDone() throws IOException {
        var p = ones("p");
        var file = folder.resolve("checkpoint");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(p))
                        .companion(SAM.withRho(Math.sqrt(5)))
                        .build()) {
            optimizer.save(file);
            assertRefused(() -> optimizer.run("restore"), "'restore'", "'perturb'", "not run");
            optimizer.run("perturb");
            var open = new String[] {"between pass 'perturb' and pass 'restore'"};
            assertRefused(optimizer::step, open);
            assertRefused(optimizer::capture, open);
            assertRefused(() -> optimizer.save(file), open);
            assertRefused(() -> optimizer.load(file), open);
            assertRefused(() -> optimizer.freeze("a"), open);
            assertRefused(() -> optimizer.learningRate("a", 2), open);
            assertRefused(
                    () -> optimizer.add(new ParameterGroup("b", adding(), List.of(vector("q", 1)))),
                    open);
            assertRefused(() -> optimizer.run("perturb"), open);
            assertRefused(() -> optimizer.run("add"), open);
            assertThat(values(p)).containsExactly(2, 3);
            optimizer.report();
            optimizer.zeroGrad();
            optimizer.run("restore");
            assertThat(values(p)).containsExactly(1, 1);
            assertRefused(() -> optimizer.run("restore"), "not run");
            optimizer.step();
            optimizer.save(file);
        }
    }

    @Test
    void aPassThatFailsHalfWayLeavesAnOptimizerToBeClosed() {
        var failing =
                rule(
                        "failing",
                        1,
                        List.of(Pass.overAll("fail", 1)),
                        List.of(),
                        (phase, _) -> {
                            if (phase == 1) {
                                throw new IllegalStateException("planted");
                            }
                            return _ -> {};
                        });
        try (var optimizer = builder(failing).group("a", List.of(ones("p"))).build()) {
            assertThatThrownBy(() -> optimizer.run("fail"))
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContainingAll("a pass failed half way", "planted");
            assertThatThrownBy(optimizer::step).isInstanceOf(UnusableOptimizerException.class);
        }
    }

    @Test
    void aPassOverAllMustNotReadAGradientThatIsNotThere() {
        var reading =
                rule(
                        "reading",
                        1,
                        List.of(Pass.overAll("read", 1)),
                        List.of(),
                        (_, _) -> e -> e.parameter(e.gradient()));
        try (var optimizer = builder(reading).group("a", List.of(vector("p", 1))).build()) {
            assertThatThrownBy(() -> optimizer.run("read"))
                    .isInstanceOf(UnusableOptimizerException.class)
                    .hasMessageContaining("has no gradient, which a pass over all must not read");
        }
    }

    /** Writes whether it sees curvature. */
    public record Looking(double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "looking";
        }

        @Override
        public Looking atLearningRate(double value) {
            return new Looking(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public boolean takesCurvature() {
            return true;
        }

        @Override
        public List<Pass> passes() {
            return List.of(Pass.overGradients("look", 1));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return e -> e.parameter(e.hasCurvature() ? 2 : 3);
        }
    }

    @Test
    void aPassSeesNoCurvatureAndLeavesItToTheStep() {
        var p = gradient(vector("p", 1), 1);
        curvature(p, 1);
        try (var optimizer = builder(new Looking(1)).group("a", List.of(p)).build()) {
            optimizer.run("look");
            assertThat(values(p)).containsExactly(3);
            optimizer.step();
            assertThat(values(p)).containsExactly(2);
        }
    }

    @Test
    void aClosedArenaChangesNothing() {
        var arena = Arena.ofShared();
        var value = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1f);
        var elsewhere = Parameter.of("elsewhere", org.panoptim.tensor.Shape.of(1), value);
        var p = ones("p");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(p, elsewhere))
                        .companion(SAM.withRho(1))
                        .build()) {
            arena.close();
            assertRefused(() -> optimizer.run("add"), "'elsewhere'", "closed");
            assertRefused(() -> optimizer.run("perturb"), "'elsewhere'", "closed");
            // Nothing was opened.
            assertRefused(() -> optimizer.run("restore"), "not run");
            assertThat(values(p)).containsExactly(1, 1);
        }
    }

    @Test
    void whatAPassMovedIsPutBackThoughTheArenaOfAGradientWasClosed() {
        var p = ones("p");
        try (var arena = Arena.ofShared();
                var optimizer =
                        builder(SGD.withLearningRate(1))
                                .group("a", List.of(p))
                                .companion(SAM.withRho(1))
                                .build()) {
            p.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 4));
            optimizer.run(SAM.PERTURB);
            assertThat(values(p)).containsExactly(1.6f, 1.8f);
            p.gradient(closed());
            optimizer.run(SAM.RESTORE);
            assertThat(values(p)).containsExactly(1, 1);
            // What reads gradients says how to go on.
            for (ThrowingCallable call :
                    List.<ThrowingCallable>of(() -> optimizer.run(SAM.PERTURB), optimizer::step)) {
                assertRefused(call, "the arena of its gradient is closed", "clearGradient()");
            }
            p.clearGradient();
            optimizer.step();
            p.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 3, 4));
            optimizer.step();
            assertThat(values(p)).containsExactly(-2, -3);
        }
    }

    private static MemorySegment closed() {
        try (var arena = Arena.ofConfined()) {
            return arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1);
        }
    }

    @Test
    void aCompanionFollowsTheGroups() {
        var p = ones("p");
        try (var optimizer =
                builder(adding()).group("a", List.of(p)).companion(swapping()).build()) {
            optimizer.step();
            assertThat(values(p)).containsExactly(0, -1);
            var q = vector("q", 5);
            optimizer.add(new ParameterGroup("b", SGD.withLearningRate(1), List.of(q)));
            assertThat(optimizer.state("p", "kept").toArray()).containsExactly(1, 1);
            assertThat(optimizer.state("q", "kept").toArray()).containsExactly(5);
            optimizer.state("q", "kept").set(7);
            optimizer.freeze("a");
            optimizer.run("show");
            assertThat(values(p)).containsExactly(0, -1);
            assertThat(values(q)).containsExactly(7);
            assertThat(optimizer.state("q", "kept").toArray()).containsExactly(5);
            optimizer.run("hide");
            assertThat(values(q)).containsExactly(5);
            assertThatThrownBy(() -> optimizer.state("q", "old_p"))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void statesOfCompanionsAreInCheckpoints() throws IOException {
        var file = folder.resolve("checkpoint");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(ones("p")))
                        .group("b", List.of(ones("q")))
                        .companion(swapping())
                        .companion(SAM.defaults())
                        .build()) {
            optimizer.state("p", "kept").set(7, 8);
            optimizer.freeze("b");
            optimizer.save(file);
        }
        var p = ones("p");
        var q = ones("q");
        // SAM keeps nothing that outlasts a step.
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(p))
                        .group("b", List.of(q))
                        .companion(swapping())
                        .build()) {
            optimizer.load(file);
            assertThat(optimizer.state("p", "kept").toArray()).containsExactly(7, 8);
            // The other group is frozen for companions too.
            optimizer.state("q", "kept").set(9, 9);
            optimizer.run("show");
            assertThat(values(p)).containsExactly(7, 8);
            assertThat(values(q)).containsExactly(1, 1);
        }
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(ones("p")))
                        .group("b", List.of(ones("q")))
                        .companion(SAM.defaults())
                        .build()) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(IOException.class)
                    .hasMessageEndingWith(
                            ": it has states of companion 'swapping', which the optimizer has not;"
                                    + " build the optimizer with it (Optimizer.Builder.companion)"
                                    + " to load this file");
        }
    }

    @Test
    void aFileWithoutACompanionsStatesIsRefused() throws IOException {
        var file = folder.resolve("checkpoint");
        try (var optimizer = builder(adding()).group("a", List.of(ones("p"))).build()) {
            optimizer.save(file);
        }
        assertThat(Files.exists(file)).isTrue();
        try (var optimizer =
                builder(adding()).group("a", List.of(ones("p"))).companion(swapping()).build()) {
            assertThatThrownBy(() -> optimizer.load(file))
                    .isInstanceOf(IOException.class)
                    .hasMessageEndingWith(
                            ": it has no states of companion 'swapping', which the optimizer has;"
                                    + " build the optimizer without it to load this file");
        }
    }

    private void assertNotBuilt(Optimizer.Builder<?> builder, String... parts) {
        assertThatThrownBy(() -> builder.group("a", List.of(ones("p"))).build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(parts);
    }

    private static UpdateRule withPasses(int phases, Pass... passes) {
        return rule("passing", phases, List.of(passes), List.of(), (_, _) -> _ -> {});
    }

    @Test
    void rulesWhosePassesContradictEachOtherAreRefused() {
        var a = Pass.overAll("a", 1);
        assertNotBuilt(builder(withPasses(1, a, a)), "passing", "two of its passes are named 'a'");
        assertNotBuilt(builder(withPasses(1, a.closedBy("b"))), "'a' is closed by 'b'");
        assertNotBuilt(
                builder(withPasses(1, a.closedBy("b"), Pass.overAll("b", 1).closedBy("a"))),
                "opens nothing itself");
        assertNotBuilt(builder(withPasses(0, a)), "passes alone", "companion");
        assertNotBuilt(builder(SAM.defaults()), "sam", "passes alone", "companion");
        assertNotBuilt(builder(withPasses(0)), "at least one phase");
        assertNotBuilt(builder(adding()).companion(withPasses(1, a)), "1 passes and 1 phases");
        assertNotBuilt(builder(adding()).companion(withPasses(0)), "0 passes and 0 phases");
        assertNotBuilt(
                builder(adding()).companion(withPasses(0, Pass.overAll("double", 1))),
                "has a pass 'double'");
        assertNotBuilt(
                builder(adding()).companion(SAM.defaults()).companion(SAM.withRho(1)),
                "companion sam has a pass 'perturb'");
        var keeping = rule("keeping", 1, List.of(), List.of(new Slot("kept")), (_, _) -> _ -> {});
        assertNotBuilt(
                builder(keeping).companion(swapping()), "companion swapping keeps a state 'kept'");
        assertNotBuilt(
                builder(withPasses(1, Pass.overAll("add", 1).closedBy("b"), Pass.overAll("b", 1)))
                        .group("first", List.of(), adding()),
                "pass 'add'");
    }

    @Test
    void anAddedGroupMustFitTheCompanions() {
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(ones("p")))
                        .companion(SAM.defaults())
                        .build()) {
            var clashing = withPasses(1, Pass.overAll("perturb", 1));
            assertThatThrownBy(() -> optimizer.add(new ParameterGroup("b", clashing, List.of())))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'perturb'");
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    @Test
    void aSumOfAPassIsReadInThePass() {
        var parts =
                new Parts(
                        "late",
                        2,
                        List.of(Pass.overAll("sum", 2)),
                        List.of(),
                        List.of(new Reduction("late", Reduction.Scope.ALL, 3)),
                        (_, _) -> _ -> {});
        assertNotBuilt(builder(new Made(parts, 1)), "'late' is summed in phase 3", "phase 3 is");
    }

    @Test
    void aPassHasANameAndPhases() {
        assertThatThrownBy(() -> Pass.overAll("Eval", 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'Eval'");
        assertThatThrownBy(() -> Pass.overGradients("eval", 0))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("pass 'eval' must have at least one phase, but has 0");
        assertThatThrownBy(() -> Pass.overAll("eval", 1).closedBy("eval"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("pass 'eval' cannot close itself");
    }

    @Test
    void aRefusedStepLeavesAPassItsLoweredLossScale() {
        var p = ones("p");
        try (var optimizer =
                builder(adding())
                        .group("a", List.of(p))
                        .lossScale(new LossScale.Dynamic(4, 2, 0.5, 10))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .build()) {
            gradient(p, Float.NaN, 0);
            optimizer.step();
            gradient(p, 2, 4);
            optimizer.run("add");
            assertThat(values(p)).containsExactly(2, 3);
        }
    }
}
