package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.MatrixWork;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** What this backend cannot run it refuses, with the reason, and nothing is changed. */
class RefusalTest {

    private final Arena arena = Arena.ofShared();
    private final SimdBackend backend = SimdBackend.open(SimdOptions.defaults());

    @AfterEach
    void close() {
        // Fails if a refused optimizer still counts as a user of the backend.
        backend.close();
        arena.close();
    }

    /** A user's rule, which no native library knows. */
    public record Custom(double learningRate) implements UpdateRule {
        @Override
        public Custom atLearningRate(double value) {
            return new Custom(value);
        }

        @Override
        public String name() {
            return "custom";
        }

        @Override
        public String kernelName() {
            return "custom_kernel";
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> element.parameter(element.parameter() - element.gradient());
        }
    }

    /** A rule that borrows a kernel which computes something else. */
    public record Impostor(double learningRate) implements UpdateRule {
        @Override
        public Impostor atLearningRate(double value) {
            return new Impostor(value);
        }

        @Override
        public String name() {
            return "impostor";
        }

        @Override
        public String kernelName() {
            return "adamw";
        }

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("exp_avg"));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    /** A rule over matrices. */
    public record Matrix(double learningRate) implements MatrixRule {
        @Override
        public Matrix atLearningRate(double value) {
            return new Matrix(value);
        }

        @Override
        public String name() {
            return "matrix";
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public int phases() {
            return 2;
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }

        @Override
        public void between(int phase, MatrixWork work) {}
    }

    @Test
    void aRuleWithoutAKernelIsRefusedWithTheListOfKernels() {
        assertRefused(new Custom(1), "custom", "custom_kernel", "adamw_amsgrad", "sophia_h");
    }

    @Test
    void aRuleThatIsNotWhatItsKernelComputesIsRefused() {
        assertRefused(
                new Impostor(1),
                "impostor",
                "'adamw'",
                "states [exp_avg] in Java",
                "states [exp_avg, exp_avg_sq] in");
    }

    /** A rule that borrows a kernel which has no passes. */
    public record Passing(double learningRate) implements UpdateRule {
        @Override
        public Passing atLearningRate(double value) {
            return new Passing(value);
        }

        @Override
        public String name() {
            return "passing";
        }

        @Override
        public String kernelName() {
            return "sgd";
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public List<Pass> passes() {
            return List.of(Pass.overAll("one", 1), Pass.overGradients("other", 2));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @Test
    void aRuleWithPassesThatItsKernelHasNotIsRefused() {
        assertRefused(
                new Passing(1),
                "passing",
                "'sgd'",
                "phases 1 and 3 of passes, reductions []",
                "in Java, phases 1, reductions []");
    }

    @Test
    void aMatrixRuleWithoutAKernelForItsPhasesIsRefused() {
        assertRefused(new Matrix(1), "rule matrix has no native kernel", "adamw_amsgrad");
    }

    private void assertRefused(UpdateRule rule, String... why) {
        var parameter = parameter("p", floats(1));
        assertThatThrownBy(() -> optimizer(rule, parameter))
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContaining("simd")
                .hasMessageContainingAll(why);
    }

    @Test
    void aValueOnTheJavaHeapIsRefused() {
        var parameter = parameter("weight", MemorySegment.ofArray(new float[] {1}));
        assertThatThrownBy(() -> optimizer(SGD.defaults(), parameter))
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContainingAll("simd", "value of parameter 'weight'", "Java heap");
    }

    @Test
    void aGradientOnTheJavaHeapIsRefusedBeforeAnythingIsChanged() {
        var first = parameter("first", floats(1)).gradient(floats(1));
        var second = parameter("second", floats(1));
        second.gradient(MemorySegment.ofArray(new float[] {1}));
        try (var optimizer = optimizer(SGD.withLearningRate(0.5), first, second)) {
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(UnsupportedPlanException.class)
                    .hasMessageContainingAll("gradient of parameter 'second'", "Java heap");
            assertThat(value(first)).isEqualTo(1);
            assertThat(optimizer.report().step()).isZero();
            second.gradient(floats(1));
            optimizer.step();
            assertThat(value(first)).isEqualTo(0.5f);
            assertThat(value(second)).isEqualTo(0.5f);
        }
    }

    @Test
    void deviceMemoryIsRefused() {
        var parameter = Parameter.of("weight", Shape.of(1), new DeviceMemory(0x1000, 4));
        assertThatThrownBy(() -> optimizer(SGD.defaults(), parameter))
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessageContainingAll("value of parameter 'weight'", "device memory");
    }

    @Test
    void aGroupThatIsRefusedLeavesTheOptimizerAsItWas() {
        var parameter = parameter("p", floats(1)).gradient(floats(1));
        try (var optimizer = optimizer(AdamW.withLearningRate(0.5), parameter)) {
            optimizer.step();
            float value = value(parameter);
            var more = parameter("more", floats(1)).gradient(floats(1));
            assertThatThrownBy(
                            () ->
                                    optimizer.add(
                                            new ParameterGroup(
                                                    "more", new Custom(1), List.of(more))))
                    .isInstanceOf(UnsupportedPlanException.class);
            assertThat(optimizer.groups()).hasSize(1);
            optimizer.step();
            assertThat(value(parameter)).isLessThan(value);
            assertThat(value(more)).isEqualTo(1);
            assertThat(optimizer.report().counts()).containsOnlyKeys("p").containsEntry("p", 2L);
        }
    }

    private Optimizer optimizer(UpdateRule rule, Parameter... parameters) {
        return Optimizer.builder(rule).group("all", List.of(parameters)).backend(backend).build();
    }

    private static Parameter parameter(String name, MemorySegment values) {
        return Parameter.of(name, Shape.of(values.byteSize() / Float.BYTES), values);
    }

    private MemorySegment floats(float... values) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    private static float value(Parameter parameter) {
        return ((HostMemory) parameter.value()).segment().get(ValueLayout.JAVA_FLOAT, 0);
    }
}
