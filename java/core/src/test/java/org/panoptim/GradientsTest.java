package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.curvature;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.gradientValues;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.rule.SophiaH;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Where gradients may lie, how long they stay, and when they are zeroed. */
class GradientsTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter a = vector("a", 1, 2);
    private final Parameter b = vector("b", 3, 4);

    @AfterEach
    void close() {
        backend.close();
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(1))
                .group("a", List.of(a))
                .group("b", List.of(b))
                .backend(backend);
    }

    @Test
    void aGradientMayLieElsewhereEachStep() {
        try (var optimizer = builder().build()) {
            for (int step = 0; step < 3; step++) {
                try (var arena = Arena.ofConfined()) {
                    a.gradient(arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 0.5f));
                    optimizer.step();
                }
            }
            assertThat(values(a)).containsExactly(-2, 0.5f);
        }
    }

    @Test
    void aGradientStaysUntilItIsSetAnewOrCleared() {
        try (var optimizer = builder().build()) {
            var segment = MemorySegment.ofArray(new float[] {1, 1});
            a.gradient(segment);
            optimizer.step();
            optimizer.step();
            assertThat(values(a)).containsExactly(-1, 0);
            // What is written into it counts.
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, 0, 4);
            optimizer.step();
            assertThat(values(a)).containsExactly(-5, -1);
            assertThat(a.hasGradient()).isTrue();
            a.clearGradient();
            assertThat(a.hasGradient()).isFalse();
            assertThat(a.gradient()).isEmpty();
            optimizer.step();
            assertThat(values(a)).containsExactly(-5, -1);
        }
    }

    @Test
    void valuesAndGradientsMayLieOnOrOffTheHeapAndInSlices() {
        try (var arena = Arena.ofConfined();
                var optimizer =
                        Optimizer.builder(SGD.withLearningRate(1)).backend(backend).build()) {
            var memory = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 9, 1, 2, 9, 0.5f, 0.25f, 9);
            var array = new float[] {9, 1, 2, 9, 0.5f, 0.25f, 9};
            var heap = MemorySegment.ofArray(array);
            var offHeap = Parameter.of("off", Shape.of(2), memory.asSlice(4, 8));
            var onHeap = Parameter.of("on", Shape.of(2), heap.asSlice(4, 8));
            optimizer.add(
                    new ParameterGroup("all", SGD.withLearningRate(1), List.of(offHeap, onHeap)));
            offHeap.gradient(heap.asSlice(16, 8));
            onHeap.gradient(memory.asSlice(16, 8));
            optimizer.step();
            assertThat(array).containsExactly(9, 0.5f, 1.75f, 9, 0.5f, 0.25f, 9);
            assertThat(memory.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(array);
        }
    }

    @Test
    void aGradientMayBeReadOnlyIfNothingZeroesIt() {
        try (var optimizer = builder().build()) {
            a.gradient(MemorySegment.ofArray(new float[] {1, 1}).asReadOnly());
            optimizer.step();
            assertThat(values(a)).containsExactly(0, 1);
        }
    }

    @Test
    void aReadOnlyGradientThatIsToBeZeroedIsRefusedBeforeAnythingChanges() {
        try (var optimizer = builder().zeroGradients(true).build()) {
            gradient(a, 1, 1);
            b.gradient(MemorySegment.ofArray(new float[] {1, 1}).asReadOnly());
            var before = Snapshot.of(optimizer);
            var message =
                    "parameter 'b': the gradient's segment is read-only, so it cannot be zeroed";
            assertThatThrownBy(optimizer::step)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(message);
            assertThatThrownBy(optimizer::zeroGrad)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(message);
            assertThat(Snapshot.of(optimizer)).isEqualTo(before);
        }
    }

    @Test
    void gradientsAreLeftAloneUnlessZeroingIsAskedFor() {
        try (var optimizer = builder().build()) {
            gradient(a, 1, -0f);
            optimizer.step();
            assertThat(gradientValues(a)).containsExactly(1, -0f);
        }
    }

    @Test
    void zeroingLeavesPositiveZerosInEveryGradientPresent() {
        try (var optimizer = builder().zeroGradients(true).build()) {
            gradient(a, 1, -0f);
            gradient(b, -1, Float.MIN_VALUE);
            optimizer.freeze("b");
            optimizer.step();
            assertThat(values(a)).containsExactly(0, 2);
            assertThat(gradientValues(a)).containsExactly(0f, 0f);
            assertThat(gradientValues(b)).containsExactly(0f, 0f);
            assertThat(values(b)).containsExactly(3, 4);
        }
    }

    @Test
    void zeroGradSetsEveryGradientPresentToZeroAndNothingElse() {
        try (var optimizer = builder().build()) {
            gradient(a, 1, Float.NaN);
            optimizer.zeroGrad();
            assertThat(gradientValues(a)).containsExactly(0f, 0f);
            assertThat(values(a)).containsExactly(1, 2);
            assertThat(optimizer.report().step()).isZero();
            assertThat(b.hasGradient()).isFalse();
        }
    }

    @Test
    void curvatureIsForTheComingStepAlone() {
        try (var optimizer =
                Optimizer.builder(SophiaH.defaults().withBetas(0.5, 0.5))
                        .group("a", List.of(a))
                        .zeroGradients(true)
                        .backend(backend)
                        .build()) {
            gradient(a, 1, 1);
            var segment = MemorySegment.ofArray(new float[] {2, 4});
            a.curvature(segment);
            assertThat(a.hasCurvature()).isTrue();
            optimizer.step();
            assertThat(a.hasCurvature()).isFalse();
            assertThat(a.curvature()).isEmpty();
            // It is not zeroed, only taken away.
            assertThat(segment.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(2, 4);
            optimizer.step();
            assertThat(optimizer.state("a", "hessian").toArray()).containsExactly(1, 2);
            a.curvature(segment);
            a.clearCurvature();
            optimizer.step();
            assertThat(optimizer.state("a", "hessian").toArray()).containsExactly(1, 2);
        }
    }

    @Test
    void curvatureOfARefusedStepIsGoneToo() {
        try (var optimizer =
                Optimizer.builder(SophiaH.defaults())
                        .group("a", List.of(a))
                        .nonFinite(NonFinitePolicy.SKIP)
                        .backend(backend)
                        .build()) {
            gradient(a, Float.NaN, 1);
            curvature(a, 1, 1);
            optimizer.step();
            assertThat(a.hasCurvature()).isFalse();
            assertThat(optimizer.state("a", "hessian").toArray()).containsExactly(0, 0);
        }
    }

    @Test
    void addressesAreOfNativeMemoryOnly() {
        try (var arena = Arena.ofConfined()) {
            var segment = arena.allocate(ValueLayout.JAVA_FLOAT, 2);
            assertThat(a.gradientAddress()).isZero();
            assertThat(a.gradient(segment).gradientAddress()).isEqualTo(segment.address());
            assertThat(a.curvature(segment).curvatureAddress()).isEqualTo(segment.address());
            assertThat(a.clearGradient().gradientAddress()).isZero();
            assertThat(a.clearCurvature().curvatureAddress()).isZero();
            gradient(a, 1, 1);
            curvature(a, 1, 1);
            assertThat(a.gradientAddress()).isEqualTo(Parameter.ON_HEAP);
            assertThat(a.curvatureAddress()).isEqualTo(Parameter.ON_HEAP);
            var empty = vector("empty").gradient(arena.allocate(0));
            assertThat(empty.hasGradient()).isTrue();
            assertThat(empty.gradientAddress()).isZero();
        }
    }
}
