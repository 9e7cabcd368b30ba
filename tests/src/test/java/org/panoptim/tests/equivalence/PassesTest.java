package org.panoptim.tests.equivalence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.Optimizer;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Accumulation;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.AverageSwap;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Companion;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.LAMB;
import org.panoptim.rule.Lion;
import org.panoptim.rule.LookSAM;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SVRG;
import org.panoptim.rule.ScheduleFreeAdamW;
import org.panoptim.rule.ScheduleFreeSGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.seeded.Draw;
import org.panoptim.seeded.SeededCases;
import org.panoptim.step.Averaging;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;
import org.panoptim.testkit.scenario.Scenario;
import org.panoptim.testkit.scenario.Values;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Named passes of rules and of companions on every backend. The tests need the testing library,
 * which alone has the kernel of {@link TestAveraged}.
 */
@Tag("testing-library")
class PassesTest {

    private static final int[] SIZES = {0, 1, 3, 4, 5, 31, 64, 127, 128, 129, 4095, 4097, 20_000};

    private final List<SuiteBackend> others = SuiteBackends.others();

    /** A master and its copy. */
    private static final Scenario.Types OUTPUTS =
            Scenario.Types.of(DType.F32, DType.BF16, DType.F32);

    /** Not a bfloat16: nearer to the second of its neighbours, 1 and {@link #ABOVE}. */
    private static final float BETWEEN = 0x1.018p0f;

    private static final float ABOVE = 0x1.02p0f;

    /** What is nearest to {@link #BETWEEN} − 3 = −0x1.fe8p0; the other neighbour is −2. */
    private static final float LOWERED = -0x1.fep0f;

    @TempDir Path folder;

    private Stream<SuiteBackend> all() {
        return Stream.concat(Stream.of(SuiteBackends.reference()), others.stream());
    }

    private static final double AVERAGE_DECAY = 0.7;

    private record Member(Shape shape, Scenario.Types types) {

        int elements() {
            return (int) shape.elements();
        }
    }

    private record Group(UpdateRule rule, List<Member> members) {}

    /** An action with gradients of a seed, of which some parameters have none. */
    private record Action(String what, int seed, Values.Kind kind, int group) {}

    private record Script(
            List<Group> groups,
            List<Companion> companions,
            Averaging averaging,
            LossScale lossScale,
            boolean zeroing,
            int statisticsEvery,
            List<Action> actions) {}

    private static Script script(Draw draw) {
        var groups =
                draw.list(1, 4, each -> new Group(rule(each), each.list(0, 4, PassesTest::member)));
        return new Script(
                groups,
                companions(draw, groups),
                averaging(draw),
                draw.of(LossScale.none(), new LossScale.Dynamic(1024, 2, 0.5, 2)),
                draw.flag(),
                draw.of(0, 1, 2),
                draw.list(
                        1,
                        12,
                        each ->
                                new Action(
                                        each.of(
                                                "step",
                                                "step",
                                                "sam",
                                                "sam",
                                                "look",
                                                "correct",
                                                "snapshot",
                                                "accumulate",
                                                "swap",
                                                "average",
                                                "evaluate",
                                                "push",
                                                "freeze",
                                                "unfreeze",
                                                "zero",
                                                "save"),
                                        each.between(0, 999),
                                        each.weighted(4, 1) == 0
                                                ? Values.Kind.ORDINARY
                                                : each.of(Values.Kind.values()),
                                        each.between(0, 3))));
    }

    private static Averaging averaging(Draw draw) {
        return draw.of(
                Averaging.exponential(AVERAGE_DECAY),
                Averaging.exponential(AVERAGE_DECAY).startingAt(2),
                Averaging.exponential(AVERAGE_DECAY).every(2),
                Averaging.equal(),
                Averaging.equal().startingAt(2).every(3));
    }

    /** Some of them that can go with the rules, in an order that they have among each other. */
    private static List<Companion> companions(Draw draw, List<Group> groups) {
        boolean apart = groups.stream().allMatch(group -> group.rule.decoupledDecay().isPresent());
        double rho = draw.of(0.05, 2.0, 0.0, 1e30);
        List<Companion> all =
                List.of(
                        new SAM(rho, draw.flag()),
                        Accumulation.defaults().withMean(draw.flag()),
                        new SVRG(),
                        new LookSAM(rho, 3, draw.of(0.7, 0.0, 1e30)),
                        new Lookahead(draw.between(1, 3), draw.of(0.8, 0.0, 1.0)),
                        new AverageSwap(),
                        new Centralize(),
                        AdaptiveClip.withClip(draw.of(0.01, 1.0, 1e-30)),
                        Hypergradient.withBeta(draw.of(1e-7, 1e-3, 0.0, 1e30)),
                        Cautious.ofUpdates()
                                .withUpdate(draw.flag())
                                .withCautiousDecay(draw.flag()));
        var chosen = all.stream().filter(each -> draw.flag()).toList();
        boolean perturbed = chosen.stream().anyMatch(SAM.class::isInstance);
        return chosen.stream()
                .filter(each -> apart || !(each instanceof Cautious))
                .filter(each -> !perturbed || !(each instanceof LookSAM))
                .toList();
    }

    private static Member member(Draw draw) {
        int elements = SIZES[draw.size(0, SIZES.length - 1)];
        int rows = draw.of(1, 3, 5, 32, 128);
        return new Member(
                elements % rows == 0 && draw.flag()
                        ? Shape.of(rows, elements / rows)
                        : Shape.of(elements),
                draw.flag() ? OUTPUTS : GeneratedScenario.types(draw));
    }

    private static UpdateRule rule(Draw draw) {
        return switch (draw.weighted(4, 1, 2, 3, 1)) {
            case 0 -> new TestAveraged(draw.of(0.1, 0.0, 3.0), draw.flag(), draw.flag());
            case 1 -> LAMB.withLearningRate(0.01);
            case 2 -> scheduleFree(draw);
            case 3 -> draw.of(AdamW.defaults(), Lion.withLearningRate(0.01));
            default -> GeneratedScenario.rule(draw);
        };
    }

    private static UpdateRule scheduleFree(Draw draw) {
        double beta = draw.of(0.9, 0.5, 1e-10, 1e-38);
        long warmup = draw.of(0L, 3L);
        return draw.flag()
                ? new ScheduleFreeAdamW(0.1, beta, 0.9, 1e-8, 0.1, warmup, 0, 2)
                : new ScheduleFreeSGD(0.1, beta, 0.1, warmup, 0, 2);
    }

    private static boolean isScheduleFree(Group group) {
        return group.rule instanceof ScheduleFreeAdamW || group.rule instanceof ScheduleFreeSGD;
    }

    /** An optimizer that follows a script. */
    private final class Follower implements AutoCloseable {

        private final BackendFixture fixture;
        private final Script script;
        private final List<List<Parameter>> parameters = new ArrayList<>();
        private final Optimizer optimizer;
        private final boolean averages;
        private final boolean evaluates;
        private final List<Object> seen = new ArrayList<>();

        Follower(SuiteBackend subject, Script script) {
            fixture = new BackendFixture(subject);
            this.script = script;
            var builder =
                    Optimizer.builder((UpdateRule) SGD.withLearningRate(1))
                            .lossScale(script.lossScale)
                            .nonFinite(NonFinitePolicy.SKIP)
                            .zeroGradients(script.zeroing)
                            .averaging(script.averaging)
                            .backend(fixture.backend());
            if (script.statisticsEvery > 0) {
                builder.statisticsEvery(script.statisticsEvery);
            }
            script.companions.forEach(builder::companion);
            for (int group = 0; group < script.groups.size(); group++) {
                var members = new ArrayList<Parameter>();
                for (var member : script.groups.get(group).members) {
                    int index = members.size();
                    members.add(
                            parameter(
                                    "p%d.%d".formatted(group, index), member, 100 * group + index));
                }
                parameters.add(members);
                builder.group("g" + group, members, script.groups.get(group).rule);
            }
            optimizer = fixture.build(builder);
            averages = script.groups.stream().anyMatch(group -> group.rule instanceof TestAveraged);
            evaluates = script.groups.stream().anyMatch(PassesTest::isScheduleFree);
        }

        /** With outputs that are not what the value is. */
        private Parameter parameter(String name, Member member, int seed) {
            var types = member.types;
            var values = new Values(Values.Kind.ORDINARY, seed).floats(member.elements());
            var others = new Values(Values.Kind.ORDINARY, 1000 + seed).floats(member.elements());
            var parameter =
                    Parameter.of(
                            name,
                            member.shape,
                            types.value(),
                            new HostMemory(fixture.elements(types.value(), values)));
            if (types.copy().isPresent()) {
                parameter = parameter.copiedTo(fixture.output(types.copy().get(), others));
            }
            if (types.average().isPresent()) {
                parameter = parameter.averagedIn(fixture.output(types.average().get(), others));
            }
            return parameter;
        }

        private void gradients(Action action, int more) {
            int index = 0;
            for (var members : parameters) {
                for (var parameter : members) {
                    int seed = action.seed + 31 * more + index++;
                    if (seed % 5 == 0) {
                        parameter.clearGradient();
                    } else {
                        var values = new Values(action.kind, seed);
                        parameter.gradient(
                                fixture.elements(
                                        parameter.dtype(),
                                        values.floats((int) parameter.elements())));
                    }
                }
            }
        }

        /** What is there after every action. */
        List<Object> run() throws IOException {
            for (var action : script.actions) {
                gradients(action, 0);
                take(action);
                note();
            }
            return seen;
        }

        private void take(Action action) throws IOException {
            var group = "g" + action.group % script.groups.size();
            switch (action.what) {
                case "step" -> optimizer.step();
                case "sam" -> {
                    if (has(SAM.class)) {
                        visit(action, SAM.PERTURB, SAM.RESTORE);
                        optimizer.step();
                    }
                }
                case "look" -> {
                    if (has(LookSAM.class)) {
                        visit(action, LookSAM.PERTURB, LookSAM.RESTORE);
                        optimizer.step();
                    }
                }
                case "correct" -> {
                    if (has(SVRG.class)) {
                        visit(action, SVRG.VISIT, SVRG.LEAVE);
                        optimizer.run(SVRG.RECORD);
                        gradients(action, 2);
                        optimizer.step();
                    }
                }
                case "snapshot" -> {
                    if (has(SVRG.class)) {
                        optimizer.run(SVRG.SNAPSHOT);
                    }
                }
                case "accumulate" -> {
                    if (has(Accumulation.class)) {
                        optimizer.run(Accumulation.ACCUMULATE);
                    }
                }
                case "swap" -> {
                    if (has(AverageSwap.class) && hasAverage()) {
                        visit(action, AverageSwap.USE_AVERAGE, AverageSwap.USE_PARAMETER);
                    }
                }
                case "average" -> {
                    if (averages) {
                        optimizer.run(TestAveraged.IN);
                        note();
                        gradients(action, 1);
                        optimizer.run(TestAveraged.OUT);
                    }
                }
                case "evaluate" -> {
                    if (evaluates) {
                        optimizer.run(ScheduleFreeAdamW.EVAL);
                        note();
                        gradients(action, 1);
                        optimizer.run(ScheduleFreeAdamW.TRAIN);
                    }
                }
                case "push" -> {
                    if (averages) {
                        optimizer.run(TestAveraged.PUSH);
                    }
                }
                case "freeze" -> optimizer.freeze(group);
                case "unfreeze" -> optimizer.unfreeze(group);
                case "zero" -> optimizer.zeroGrad();
                default -> {
                    var file = folder.resolve("checkpoint");
                    optimizer.save(file);
                    optimizer.load(file);
                }
            }
        }

        private boolean has(Class<? extends Companion> companion) {
            return script.companions.stream().anyMatch(companion::isInstance);
        }

        private boolean hasAverage() {
            return optimizer.groups().stream()
                    .filter(group -> !group.frozen())
                    .flatMap(group -> group.parameters().stream())
                    .anyMatch(parameter -> parameter.average().isPresent());
        }

        /** Goes elsewhere with the parameters, computes gradients there, and comes back. */
        private void visit(Action action, String away, String back) {
            var before = values();
            optimizer.run(away);
            note();
            gradients(action, 1);
            optimizer.run(back);
            assertThat(values()).as(back).isEqualTo(before);
        }

        private List<Object> gradients() {
            var bits = new ArrayList<Object>();
            for (var members : parameters) {
                for (var parameter : members) {
                    parameter
                            .gradient()
                            .ifPresent(
                                    memory ->
                                            bits.add(
                                                    bitsOf(
                                                            BackendFixture.values(
                                                                    new Output(
                                                                            parameter.dtype(),
                                                                            memory)))));
                }
            }
            return bits;
        }

        private List<Object> values() {
            var bits = new ArrayList<Object>();
            for (var members : parameters) {
                members.forEach(each -> bits.add(bitsOf(BackendFixture.values(each))));
            }
            return bits;
        }

        private List<Object> outputs() {
            var bits = new ArrayList<Object>();
            for (var members : parameters) {
                for (var parameter : members) {
                    parameter
                            .outputs()
                            .values()
                            .forEach(each -> bits.add(bitsOf(BackendFixture.values(each))));
                }
            }
            return bits;
        }

        private static List<Integer> bitsOf(float[] values) {
            var bits = new ArrayList<Integer>(values.length);
            for (float value : values) {
                bits.add(Float.floatToIntBits(value));
            }
            return bits;
        }

        private void note() {
            seen.addAll(values());
            seen.addAll(outputs());
            seen.addAll(gradients());
            seen.add(optimizer.report());
            for (var group : optimizer.groups()) {
                note(group, group.rule());
                script.companions.forEach(companion -> note(group, companion));
            }
        }

        private void note(ParameterGroup group, UpdateRule rule) {
            for (var parameter : group.parameters()) {
                for (var slot : rule.slots(parameter.shape())) {
                    if (slot.extent().isOfParameter() && slot.isKept()) {
                        note(parameter, slot);
                    }
                }
            }
            for (var slot : rule.slots()) {
                if (slot.extent() == Slot.Extent.RULE) {
                    double value = optimizer.ruleState(group.name(), slot.name()).value();
                    seen.add(Double.doubleToLongBits(value));
                }
            }
        }

        private void note(Parameter parameter, Slot slot) {
            var state = optimizer.state(parameter.name(), slot.name());
            seen.add(
                    slot.extent() == Slot.Extent.TENSOR
                            ? (Object) Double.doubleToLongBits(state.value())
                            : bitsOf(state.toArray()));
        }

        @Override
        public void close() {
            fixture.close();
        }
    }

    @Test
    void everyBackendGivesTheBitsOfTheReference() {
        SeededCases.check(60, PassesTest::script, this::followed);
    }

    private void followed(Script script) throws IOException {
        List<Object> expected;
        try (var follower = new Follower(SuiteBackends.reference(), script)) {
            expected = follower.run();
        }
        for (var other : others) {
            try (var follower = new Follower(other, script)) {
                var found = follower.run();
                for (int i = 0; i < expected.size(); i++) {
                    assertThat(found.get(i)).as("%s, %d", other, i).isEqualTo(expected.get(i));
                }
            }
        }
    }

    @Test
    void gradientsOfMicroBatchesArePerturbedTogether() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var sum = fixture.floats(1, 2);
                                var p = fixture.parameter("p", 0, 0).gradient(sum);
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(SGD.withLearningRate(1))
                                                        .companion(SAM.withRho(10))
                                                        .group("all", List.of(p)));
                                // The next micro-batch adds to where the gradients lie.
                                sum.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, 0, 3);
                                sum.setAtIndex(java.lang.foreign.ValueLayout.JAVA_FLOAT, 1, 4);
                                optimizer.run(SAM.PERTURB);
                                assertThat(BackendFixture.values(p))
                                        .as("%s", subject)
                                        .containsExactly(6, 8);
                                optimizer.run(SAM.RESTORE);
                                optimizer.step();
                                assertThat(BackendFixture.values(p))
                                        .as("%s", subject)
                                        .containsExactly(-3, -4);
                            }
                        });
    }

    @Test
    void aCopyFollowsPerturbingAndRestoring() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var master = copied(fixture, "p", 7);
                                master.gradient(fixture.floats(3, 4));
                                var without = copied(fixture, "without", 9);
                                var frozen = copied(fixture, "frozen", 9);
                                frozen.gradient(fixture.floats(100, 100));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(SGD.withLearningRate(1))
                                                        .companion(SAM.withRho(10))
                                                        .group("all", List.of(master, without))
                                                        .group("frozen", List.of(frozen)));
                                optimizer.freeze("frozen");
                                optimizer.run(SAM.PERTURB);
                                // Twice the gradient farther, and then rounded.
                                assertHas(subject, master, 7 + BETWEEN - 1, 6, 7, 6);
                                assertHas(subject, without, BETWEEN, -2, 9, 9);
                                optimizer.run(SAM.RESTORE);
                                assertHas(subject, master, BETWEEN, -2, ABOVE, -2);
                                // Restoring goes over every parameter of the groups.
                                assertHas(subject, without, BETWEEN, -2, ABOVE, -2);
                                optimizer.step();
                                assertHas(subject, master, BETWEEN - 3, -6, LOWERED, -6);
                                assertHas(subject, frozen, BETWEEN, -2, 9, 9);
                            }
                        });
    }

    private static Parameter copied(BackendFixture fixture, String name, float copy) {
        return fixture.parameter(name, BETWEEN, -2)
                .copiedTo(fixture.output(DType.BF16, copy, copy));
    }

    private static void assertHas(
            SuiteBackend subject,
            Parameter parameter,
            float first,
            float second,
            float firstCopied,
            float secondCopied) {
        assertThat(BackendFixture.values(parameter))
                .as("%s: %s", subject, parameter.name())
                .containsExactly(first, second);
        assertThat(BackendFixture.values(parameter.copy().orElseThrow()))
                .as("%s: copy of %s", subject, parameter.name())
                .containsExactly(firstCopied, secondCopied);
    }

    @Test
    void aCopyIsWrittenByAPassThatFindsNothingToMove() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var p = copied(fixture, "p", 9);
                                p.gradient(fixture.floats(Float.NaN, 1));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(SGD.withLearningRate(1))
                                                        .companion(SAM.withRho(10))
                                                        .group("all", List.of(p)));
                                optimizer.run(SAM.PERTURB);
                                assertHas(subject, p, BETWEEN, -2, ABOVE, -2);
                            }
                        });
    }

    @Test
    void anAverageMovesInStepsAlone() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var average = fixture.output(DType.F32, 8);
                                var p = fixture.parameter("p", 4).averagedIn(average);
                                p.gradient(fixture.floats(2));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(new TestAveraged(1, false, false))
                                                        .averageDecay(0.75)
                                                        .companion(SAM.withRho(10))
                                                        .group("all", List.of(p)));
                                for (var pass :
                                        List.of(
                                                SAM.PERTURB,
                                                SAM.RESTORE,
                                                TestAveraged.PUSH,
                                                TestAveraged.IN,
                                                TestAveraged.OUT)) {
                                    optimizer.run(pass);
                                    assertThat(BackendFixture.values(average))
                                            .as("%s: %s", subject, pass)
                                            .containsExactly(8);
                                }
                                optimizer.step();
                                assertThat(BackendFixture.value(p)).isEqualTo(2);
                                assertThat(BackendFixture.values(average))
                                        .as("%s", subject)
                                        .containsExactly(0.75f * 8 + 0.25f * 2);
                            }
                        });
    }

    @Test
    void aWrongNameAndAnOpenPassAreRefusedEverywhere() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var p = fixture.parameter("p", 1).gradient(fixture.floats(1));
                                var optimizer =
                                        fixture.optimizer(new TestAveraged(1, false, false), p);
                                assertThatThrownBy(() -> optimizer.run("restore"))
                                        .as("%s", subject)
                                        .isInstanceOf(IllegalArgumentException.class)
                                        .hasMessageContaining("average_in, average_out, push");
                                optimizer.run(TestAveraged.IN);
                                assertThatThrownBy(optimizer::step)
                                        .as("%s", subject)
                                        .isInstanceOf(IllegalStateException.class)
                                        .hasMessageContaining("average_out");
                                optimizer.run(TestAveraged.OUT);
                                optimizer.step();
                            }
                        });
    }

    @Test
    void aGroupAddedLaterTakesPart() {
        all().forEach(
                        subject -> {
                            try (var fixture = new BackendFixture(subject)) {
                                var p = fixture.parameter("p", 1).gradient(fixture.floats(3));
                                var optimizer =
                                        fixture.build(
                                                fixture.builder(SGD.withLearningRate(1))
                                                        .companion(SAM.withRho(10))
                                                        .group("all", List.of(p)));
                                optimizer.run(SAM.PERTURB);
                                optimizer.run(SAM.RESTORE);
                                var q = fixture.parameter("q", 2).gradient(fixture.floats(4));
                                optimizer.add(
                                        new ParameterGroup(
                                                "more",
                                                new TestAveraged(1, false, false),
                                                List.of(q)));
                                optimizer.run(SAM.PERTURB);
                                assertThat(BackendFixture.value(p)).as("%s", subject).isEqualTo(7);
                                assertThat(BackendFixture.value(q)).as("%s", subject).isEqualTo(10);
                                optimizer.run(SAM.RESTORE);
                                optimizer.run(TestAveraged.PUSH);
                                optimizer.freeze("more");
                                optimizer.run(TestAveraged.IN);
                                assertThat(BackendFixture.value(q)).as("%s", subject).isEqualTo(2);
                            }
                        });
    }
}
