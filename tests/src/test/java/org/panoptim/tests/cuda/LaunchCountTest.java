package org.panoptim.tests.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.Optimizer;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.ForwardingDriver;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.Adam;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.LAMB;
import org.panoptim.rule.Lion;
import org.panoptim.rule.Prodigy;
import org.panoptim.rule.SAM;
import org.panoptim.rule.UpdateRule;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** How many kernels a step launches, as docs/backends.md says. */
@Tag("virtual-gpu")
class LaunchCountTest {

    /** Counts launches. */
    private static final class Counter extends ForwardingDriver {

        private int launches;

        Counter(CudaDriver driver) {
            super(driver);
        }

        @Override
        public void launch(
                long function,
                String kernel,
                int blocks,
                int threads,
                int sharedBytes,
                long stream,
                MemorySegment argument) {
            launches++;
            super.launch(function, kernel, blocks, threads, sharedBytes, stream, argument);
        }
    }

    private static final UnaryOperator<Optimizer.Builder<?>> PLAIN = builder -> builder;

    static Stream<Arguments> steps() {
        var adamw = AdamW.defaults();
        return Stream.of(
                Arguments.of("one rule", List.of(adamw), PLAIN, 2),
                Arguments.of("many groups", List.of(adamw, adamw, adamw), PLAIN, 2),
                Arguments.of("clipping", List.of(adamw), clipping(), 3),
                Arguments.of("a loss scale", List.of(adamw), scaled(), 3),
                Arguments.of("statistics", List.of(adamw), statistics(), 3),
                Arguments.of(
                        "statistics of some steps",
                        List.of(adamw),
                        (UnaryOperator<Optimizer.Builder<?>>) builder -> builder.statisticsEvery(2),
                        4),
                Arguments.of(
                        "statistics with clipping",
                        List.of(adamw),
                        (UnaryOperator<Optimizer.Builder<?>>)
                                builder -> builder.statistics(true).clipGlobalNorm(1),
                        4),
                Arguments.of(
                        "another rule of the family",
                        List.of(adamw, adamw.withAmsgrad(true)),
                        PLAIN,
                        3),
                Arguments.of("a rule of another family", List.of(adamw, Lion.defaults()), PLAIN, 4),
                Arguments.of(
                        "two more", List.of(adamw, Lion.defaults(), Adam.defaults()), PLAIN, 6),
                Arguments.of("three phases", List.of(LAMB.defaults()), PLAIN, 6),
                Arguments.of("two phases", List.of(Prodigy.defaults()), PLAIN, 4));
    }

    private static UnaryOperator<Optimizer.Builder<?>> clipping() {
        return builder -> builder.clipGlobalNorm(1);
    }

    private static UnaryOperator<Optimizer.Builder<?>> scaled() {
        return builder -> builder.lossScale(LossScale.dynamic());
    }

    private static UnaryOperator<Optimizer.Builder<?>> statistics() {
        return builder -> builder.statistics(true);
    }

    @ParameterizedTest(name = "{0}: {3}")
    @MethodSource("steps")
    void aStepLaunches(
            String what,
            List<UpdateRule> rules,
            UnaryOperator<Optimizer.Builder<?>> settings,
            int expected) {
        assertThat(launches(rules, 1, settings)).as(what).isEqualTo(expected);
    }

    @Test
    void aPassLaunchesTwoForEachPhaseOfARule() {
        var counter = new Counter(Implementation.FFM.driver());
        try (var device = new Device(counter)) {
            var optimizer =
                    device.build(
                            Optimizer.builder(AdamW.defaults())
                                    .group("a", parameters(device, 0, 3))
                                    .group("b", parameters(device, 1, 1), Lion.defaults())
                                    .companion(SAM.defaults()));
            optimizer.step();
            counter.launches = 0;
            optimizer.run(SAM.PERTURB);
            assertThat(counter.launches).isEqualTo(4);
            optimizer.run(SAM.RESTORE);
            assertThat(counter.launches).isEqualTo(6);
        }
    }

    @ParameterizedTest
    @MethodSource("manyTensors")
    void manyTensorsArePreparedByALaunchOfTheirOwnForEachFamily(
            List<UpdateRule> rules, int expected) {
        assertThat(launches(rules, 2049, PLAIN)).isEqualTo(expected);
    }

    static Stream<Arguments> manyTensors() {
        return Stream.of(
                Arguments.of(List.of(AdamW.defaults()), 3),
                Arguments.of(List.of(AdamW.defaults(), Lion.defaults()), 6));
    }

    private static int launches(
            List<UpdateRule> rules, int tensors, UnaryOperator<Optimizer.Builder<?>> settings) {
        var counter = new Counter(Implementation.FFM.driver());
        try (var device = new Device(counter)) {
            var builder = Optimizer.builder(rules.getFirst());
            for (int i = 0; i < rules.size(); i++) {
                builder.group("group" + i, parameters(device, i, tensors), rules.get(i));
            }
            var optimizer = device.build(settings.apply(builder));
            optimizer.step();
            counter.launches = 0;
            optimizer.step();
            return counter.launches;
        }
    }

    private static List<Parameter> parameters(Device device, int group, int count) {
        var parameters = new ArrayList<Parameter>();
        long values = device.bytes(64L * count).memory().address();
        long gradients = device.bytes(64L * count).memory().address();
        for (int i = 0; i < count; i++) {
            parameters.add(
                    Parameter.of(
                                    "p" + group + "-" + i,
                                    Shape.of(1),
                                    new DeviceMemory(values + 64L * i, 4))
                            .gradient(new DeviceMemory(gradients + 64L * i, 4)));
        }
        return parameters;
    }
}
