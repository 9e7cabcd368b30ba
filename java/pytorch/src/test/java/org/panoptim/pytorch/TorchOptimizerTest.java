package org.panoptim.pytorch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Adafactor;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.NAdam;
import org.panoptim.rule.SGD;
import org.panoptim.schedule.Schedule;
import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;
import org.panoptim.step.LossScale;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Training as users of bytedeco PyTorch write it. */
class TorchOptimizerTest {

    private PointerScope scope;

    @BeforeEach
    void enterScope() {
        scope = new PointerScope();
    }

    @AfterEach
    void leaveScope() {
        scope.close();
    }

    @Test
    void itStandsWhereTheEnginesOptimizerStood() {
        var theirs = new SmallNet(7);
        var ours = new SmallNet(7);
        var options = new AdamWOptions(1e-2);
        options.weight_decay().put(0.1);
        var engine = new org.bytedeco.pytorch.AdamW(theirs.module.parameters(), options);
        var rule = AdamW.withLearningRate(1e-2).withWeightDecay(0.1);
        try (var optimizer = TorchOptimizer.of(ours.module, rule)) {
            for (int step = 1; step <= 20; step++) {
                engine.zero_grad();
                float expected = theirs.backward();
                engine.step();

                optimizer.zeroGrad();
                assertThat(ours.backward()).isCloseTo(expected, within(2e-6f));
                optimizer.step();
            }
            assertThat(optimizer.optimizer().backend().name()).isEqualTo("simd");
        }
        var expected = theirs.values();
        var actual = ours.values();
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).containsExactly(expected[i], within(2e-6f));
        }
    }

    /** Each in its own way: zeros where they lie, in the step, or no gradients any more. */
    @Test
    void gradientsMayBeZeroedInEachWay() {
        var byCall = new SmallNet(3);
        var byStep = new SmallNet(3);
        var byEngine = new SmallNet(3);
        var rule = SGD.withLearningRate(0.1).withMomentum(0.9);
        try (var first = TorchOptimizer.of(byCall.module, rule);
                var second =
                        TorchOptimizer.of(
                                byStep.module,
                                rule,
                                (builder, all) ->
                                        builder.group("all", all.list()).zeroGradients(true));
                var third = TorchOptimizer.of(byEngine.module, rule)) {
            for (int step = 0; step < 5; step++) {
                first.zeroGrad();
                byCall.backward();
                first.step();

                byStep.backward();
                second.step();

                byEngine.module.zero_grad(true);
                byEngine.backward();
                third.step();
            }
        }
        assertThat(byStep.values()).isDeepEqualTo(byCall.values());
        assertThat(byEngine.values()).isDeepEqualTo(byCall.values());
        assertThat(byCall.values()).isNotEqualTo(new SmallNet(3).values());
    }

    @Test
    void groupsAreMadeByNameOrByShape() {
        var net = new SmallNet(1);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        AdamW.withLearningRate(1e-2),
                        (builder, parameters) ->
                                builder.matrixDecay(parameters.startingWith("first."), 0.1)
                                        .group(
                                                "head",
                                                parameters.startingWith("second."),
                                                rule -> rule.withBetas(0.8, 0.99)))) {
            var groups = optimizer.optimizer().groups();
            assertThat(groups.stream().map(ParameterGroup::name))
                    .containsExactly("decay", "no decay", "head");
            assertThat(groups.get(0).parameters())
                    .extracting(each -> each.name())
                    .containsExactly("first.weight");
            assertThat(groups.get(1).parameters())
                    .extracting(each -> each.name())
                    .containsExactly("first.bias");
            assertThat(groups.get(2).parameters()).hasSize(2);
        }
    }

    @Test
    void schedulesAndClippingAreTheBuilders() {
        var net = new SmallNet(1);
        var before = net.values();
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.withLearningRate(1),
                        (builder, parameters) ->
                                builder.group("all", parameters.list())
                                        .schedule(Schedule.linear(0.5, 1, 10))
                                        .clipGlobalNorm(1e-3))) {
            net.backward();
            optimizer.step();
        }
        double squares = 0;
        var after = net.values();
        for (int i = 0; i < after.length; i++) {
            for (int j = 0; j < after[i].length; j++) {
                squares += Math.pow(after[i][j] - before[i][j], 2);
            }
        }
        assertThat(Math.sqrt(squares)).isCloseTo(0.5e-3, within(1e-6));
    }

    @Test
    void aScaledLossGivesTheSameStep() {
        var plain = new SmallNet(5);
        var scaled = new SmallNet(5);
        var rule = AdamW.withLearningRate(0.01);
        try (var first = TorchOptimizer.of(plain.module, rule);
                var second =
                        TorchOptimizer.of(
                                scaled.module,
                                rule,
                                (builder, all) ->
                                        builder.group("all", all.list())
                                                .lossScale(LossScale.dynamic()))) {
            first.scale(plain.loss()).backward();
            second.scale(scaled.loss()).backward();
            // A power of 2, so that no bit is lost.
            assertThat(SmallNet.floats(scaled.weight().grad())[0])
                    .isEqualTo(65536 * SmallNet.floats(plain.weight().grad())[0]);
            first.step();
            second.step();
        }
        assertThat(scaled.values()).isDeepEqualTo(plain.values());
    }

    @Test
    void aFixedScaleTakesTheMeanOfMicroBatches() {
        var once = new SmallNet(5);
        var twice = new SmallNet(5);
        var rule = AdamW.withLearningRate(0.01);
        try (var first = TorchOptimizer.of(once.module, rule);
                var second =
                        TorchOptimizer.of(
                                twice.module,
                                rule,
                                (builder, all) ->
                                        builder.group("all", all.list())
                                                .lossScale(LossScale.fixed(2)))) {
            once.backward();
            first.step();
            twice.backward();
            twice.backward();
            second.step();
        }
        assertThat(twice.values()).isDeepEqualTo(once.values());
    }

    /** A team of one that may end. */
    private static final class Ending extends ForwardingTeam {

        private Optional<String> end = Optional.empty();

        Ending() {
            super(new Alone());
        }

        @Override
        public void abort(String reason) {
            end = Optional.of(reason);
        }

        @Override
        public Optional<String> end() {
            return end;
        }
    }

    /** A team of one, to whom nobody has anything to say. */
    private record Alone() implements Team {

        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 1;
        }

        @Override
        public Transfer begin(List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
            return () -> {};
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

    @Test
    void aMemberOfATeamTakesUpEachMicroBatch() {
        var whole = new SmallNet(5);
        var inLeaves = new SmallNet(5);
        var rule = AdamW.withLearningRate(1e-2);
        try (var first = TorchOptimizer.of(whole.module, rule);
                var second =
                        TorchOptimizer.of(
                                inLeaves.module,
                                rule,
                                (builder, _) -> builder.shards(new Alone(), 2))) {
            for (int step = 0; step < 3; step++) {
                first.zeroGrad();
                whole.backward();
                first.step();

                second.zeroGrad();
                inLeaves.backward();
                second.accumulate();
                second.discard();
                inLeaves.backward();
                second.accumulate();
                inLeaves.backward();
                second.accumulate();
                second.step();
            }
        }
        assertThat(inLeaves.values()).isDeepEqualTo(whole.values());
    }

    @Test
    void aBackwardPassTakesUpItsGradients() {
        var whole = new SmallNet(5);
        var inLeaves = new SmallNet(5);
        var rule = AdamW.withLearningRate(1e-2);
        try (var first = TorchOptimizer.of(whole.module, rule);
                var second =
                        TorchOptimizer.of(
                                inLeaves.module,
                                rule,
                                (builder, _) -> builder.shards(new Alone(), 2))) {
            for (int step = 0; step < 3; step++) {
                first.zeroGrad();
                first.backward(whole.loss());
                first.step();

                second.backward(inLeaves.loss());
                second.backward(inLeaves.loss());
                second.step();
                second.zeroGrad();
            }
        }
        assertThat(inLeaves.values()).isDeepEqualTo(whole.values());
        // The engine's own passes go on without the optimizer.
        inLeaves.backward();
    }

    @Test
    void gradientsAreCompletedWhileThePassGoesOn() {
        var net = new SmallNet(5);
        try (var optimizer = TorchOptimizer.of(net.module, SGD.withLearningRate(0.1))) {
            var completed = new ArrayList<String>();
            var gradients = new ArrayList<Double>();
            var parameters = optimizer.parameters();
            for (int pass = 0; pass < 2; pass++) {
                parameters.backward(
                        net.loss(),
                        parameter -> {
                            completed.add(parameter.name());
                            gradients.add(
                                    net.module
                                            .named_parameters()
                                            .get(parameter.name())
                                            .grad()
                                            .abs()
                                            .sum()
                                            .item_double());
                        });
            }
            assertThat(completed.subList(0, 3)).doesNotHaveDuplicates();
            assertThat(completed.subList(0, 2))
                    .containsExactlyInAnyOrder("second.weight", "second.bias");
            assertThat(completed.subList(3, 6)).isEqualTo(completed.subList(0, 3));
            for (int i = 0; i < 3; i++) {
                assertThat(gradients.get(i)).isPositive();
                assertThat(gradients.get(3 + i)).isCloseTo(2 * gradients.get(i), within(1e-5));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"first.weight", "first.bias", "second.weight", "second.bias"})
    void aGradientThatIsChangedOnItsWayRefusesTheStep(String name) {
        var net = new SmallNet(5);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.withLearningRate(0.1),
                        (builder, _) -> builder.shards(new Ending(), 1))) {
            optimizer.backward(net.loss());
            net.module.named_parameters().get(name).grad().mul_(new Scalar(2));
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageStartingWith(
                            "the gradient of '%s' was changed after".formatted(name));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theModuleMayZeroItsGradientsBetweenStepsOfATeam(boolean setToNone) {
        var whole = new SmallNet(5);
        var ofTeam = new SmallNet(5);
        var rule = SGD.withLearningRate(0.1).withMomentum(0.9);
        try (var first = TorchOptimizer.of(whole.module, rule);
                var second =
                        TorchOptimizer.of(
                                ofTeam.module,
                                rule,
                                (builder, _) -> builder.shards(new Alone(), 1))) {
            for (int step = 0; step < 3; step++) {
                whole.module.zero_grad(setToNone);
                whole.backward();
                first.step();

                ofTeam.module.zero_grad(setToNone);
                second.backward(ofTeam.loss());
                second.step();
            }
        }
        assertThat(ofTeam.values()).isDeepEqualTo(whole.values());
    }

    @Test
    void gradientsThatTheModuleDropsOnTheirWayAreLeftInPlaceUntilTheStep() {
        var net = new SmallNet(5);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.withLearningRate(0.1),
                        (builder, _) -> builder.shards(new Ending(), 1))) {
            optimizer.backward(net.loss());
            net.module.zero_grad(true);
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("were set or taken away while gradients were on their");
        }
    }

    @Test
    void afterAPassThatFailedTheEnginesOwnPassesGoOn() {
        var net = new SmallNet(5);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.withLearningRate(0.1),
                        (builder, _) -> builder.shards(new Alone(), 2))) {
            var loss = net.loss();
            loss.backward();
            // The graph is gone.
            assertThatThrownBy(() -> optimizer.backward(loss)).isInstanceOf(RuntimeException.class);
            optimizer.zeroGrad();
            net.backward();
            optimizer.accumulate();
            optimizer.backward(net.loss());
            optimizer.step();
        }
    }

    @Test
    void everyPassMayHaveAScopeOfItsOwn() {
        var whole = new SmallNet(5);
        var inScopes = new SmallNet(5);
        var rule = SGD.withLearningRate(0.1);
        try (var first = TorchOptimizer.of(whole.module, rule);
                var second =
                        TorchOptimizer.of(
                                inScopes.module,
                                rule,
                                (builder, _) -> builder.shards(new Alone(), 1))) {
            for (int step = 0; step < 3; step++) {
                first.zeroGrad();
                whole.backward();
                first.step();

                try (var _ = new PointerScope()) {
                    second.backward(inScopes.loss());
                }
                second.step();
                second.zeroGrad();
            }
        }
        assertThat(inScopes.values()).isDeepEqualTo(whole.values());
    }

    @Test
    void withoutATeamGradientsMayBeChangedAfterThePass() {
        var net = new SmallNet(5);
        var before = net.values();
        try (var optimizer = TorchOptimizer.of(net.module, SGD.withLearningRate(0.1))) {
            optimizer.backward(net.loss());
            var gradients = net.module.named_parameters();
            for (long i = 0; i < gradients.size(); i++) {
                gradients.get(i).access().grad().zero_();
            }
            optimizer.step();
        }
        assertThat(net.values()).isDeepEqualTo(before);
    }

    @Test
    void aLossThatIsNotScaledIsTheSameTensor() {
        var net = new SmallNet(5);
        try (var optimizer = TorchOptimizer.of(net.module, SGD.defaults())) {
            var loss = net.loss();
            assertThat(optimizer.scale(loss)).isSameAs(loss);
        }
    }

    @Test
    void aGradientThatOverflowsIsLeftOutAndTheScaleHalved() {
        var net = new SmallNet(5);
        var before = net.values();
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.withLearningRate(0.1),
                        (builder, all) ->
                                builder.group("all", all.list()).lossScale(LossScale.dynamic()))) {
            optimizer.scale(net.loss().mul(new Scalar(1e38))).backward();
            optimizer.step();
            assertThat(net.values()).isDeepEqualTo(before);
            optimizer.zeroGrad();
            assertThat(optimizer.scale(torch.torch_ones(1)).item_float()).isEqualTo(32768);
        }
    }

    @Test
    void statesLieAsTheTensorDoes() {
        // A weight whose columns lie one after the other.
        var module = new Module("net");
        var weight = module.register_parameter("weight", torch.torch_randn(3, 4).t());
        try (var optimizer = TorchOptimizer.of(module, AdamW.defaults())) {
            weight.mul(torch.torch_randn(4, 3)).sum().backward();
            optimizer.step();
            var average = optimizer.state("weight", "exp_avg");
            assertThat(average.sizes().vec().get()).containsExactly(4, 3);
            var expected = SmallNet.floats(weight.grad().mul(new Scalar(0.1)));
            assertThat(SmallNet.floats(average)).containsExactly(expected, within(1e-7f));
        }
    }

    @Test
    void allStatesComeAsPyTorchsDictionaryHasThem() {
        var net = new SmallNet(2);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        AdamW.defaults(),
                        (builder, all) ->
                                builder.group("first", all.startingWith("first."))
                                        .group(
                                                "second",
                                                all.startingWith("second."),
                                                NAdam.defaults()))) {
            net.backward();
            optimizer.step();
            optimizer.step();
            var states = optimizer.stateDict();

            assertThat(states.keySet())
                    .containsExactly("first.weight", "first.bias", "second.weight", "second.bias");
            assertThat(states.get("first.weight").keySet())
                    .containsExactly("step", "exp_avg", "exp_avg_sq");
            assertThat(states.get("second.bias").keySet())
                    .containsExactly("step", "exp_avg", "exp_avg_sq", "mu_product");
            assertThat(states.get("first.bias").get("step").item_float()).isEqualTo(2);
            assertThat(SmallNet.floats(states.get("second.weight").get("exp_avg_sq")))
                    .isEqualTo(SmallNet.floats(optimizer.state("second.weight", "exp_avg_sq")));
            // Copies, which later steps leave alone.
            optimizer.step();
            assertThat(states.get("first.bias").get("step").item_float()).isEqualTo(2);
            assertThat(SmallNet.floats(states.get("first.bias").get("exp_avg")))
                    .isNotEqualTo(SmallNet.floats(optimizer.state("first.bias", "exp_avg")));
        }
    }

    @Test
    void statesOfRowsAndOfTensorsHaveTheirOwnShapes() {
        var net = new SmallNet(2);
        try (var optimizer = TorchOptimizer.of(net.module, Adafactor.defaults())) {
            net.backward();
            optimizer.step();
            var rows = optimizer.state("first.weight", "row_var");
            assertThat(rows.sizes().vec().get()).containsExactly(7, 1);
            assertThat(rows.scalar_type().intern()).isEqualTo(torch.ScalarType.Float);
            assertThat(rows.min().item_float()).isPositive();
        }
        try (var optimizer = TorchOptimizer.of(net.module, NAdam.defaults())) {
            net.backward();
            optimizer.step();
            var product = optimizer.state("first.bias", "mu_product");
            assertThat(product.item_double())
                    .isEqualTo(optimizer.optimizer().state("first.bias", "mu_product").value())
                    .isBetween(0.1, 0.9);
        }
    }

    @Test
    void aRunGoesOnFromItsFile(@TempDir Path folder) throws IOException {
        var file = folder.resolve("optimizer.safetensors");
        var rule = AdamW.withLearningRate(0.05);
        var whole = new SmallNet(9);
        var resumed = new SmallNet(9);
        try (var optimizer = TorchOptimizer.of(whole.module, rule)) {
            train(whole, optimizer, 3);
            optimizer.save(file);
            copy(whole, resumed);
            train(whole, optimizer, 3);
        }
        try (var optimizer = TorchOptimizer.of(resumed.module, rule)) {
            optimizer.load(file);
            train(resumed, optimizer, 3);
            assertThat(optimizer.optimizer().report().step()).isEqualTo(6);
        }
        assertThat(resumed.values()).isDeepEqualTo(whole.values());
    }

    private static void train(SmallNet net, TorchOptimizer optimizer, int steps) {
        for (int step = 0; step < steps; step++) {
            optimizer.zeroGrad();
            net.backward();
            optimizer.step();
        }
    }

    private static void copy(SmallNet from, SmallNet to) {
        var source = from.module.parameters();
        var target = to.module.parameters();
        for (long i = 0; i < source.size(); i++) {
            target.get(i).set_data(source.get(i).detach().clone());
        }
    }

    @Test
    void whatIsInNoGroupIsTrainedUnderTheRuleAllTheSame() {
        var net = new SmallNet(1);
        try (var optimizer =
                TorchOptimizer.of(
                        net.module,
                        SGD.defaults(),
                        (builder, all) -> builder.group("head", all.startingWith("second.")))) {
            assertThat(optimizer.optimizer().group("others").parameters())
                    .extracting(each -> each.name())
                    .containsExactly("first.weight", "first.bias");
        }
        try (var optimizer =
                TorchOptimizer.of(
                        net.module, SGD.defaults(), (builder, _) -> builder.clipGlobalNorm(1))) {
            assertThat(optimizer.optimizer().group("all").parameters()).hasSize(4);
        }
        try (var optimizer = TorchOptimizer.of(net.module, SGD.defaults())) {
            net.backward();
            optimizer.step();
        }
    }

    @Test
    void settingsThatThrowLeaveTheModuleAsItWas() {
        var net = new SmallNet(1);
        var failure = new IllegalStateException("no");
        var parameters = new TorchParameters[1];
        assertThatThrownBy(
                        () ->
                                TorchOptimizer.of(
                                        net.module,
                                        SGD.defaults(),
                                        (_, all) -> {
                                            parameters[0] = all;
                                            throw failure;
                                        }))
                .isSameAs(failure);
        assertThatThrownBy(parameters[0]::refresh).hasMessage("these parameters are closed");
    }

    @Test
    void afterClosingNothingIsStepped() {
        var net = new SmallNet(1);
        var optimizer = TorchOptimizer.of(net.module, SGD.withLearningRate(1));
        net.backward();
        var before = net.values();
        optimizer.close();
        optimizer.close();
        assertThatThrownBy(optimizer::step).isInstanceOf(IllegalStateException.class);
        assertThat(net.values()).isDeepEqualTo(before);
    }
}
