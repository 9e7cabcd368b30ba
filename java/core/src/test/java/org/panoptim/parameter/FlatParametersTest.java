package org.panoptim.parameter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.rule.Rules;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

class FlatParametersTest {

    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void closeArena() {
        arena.close();
    }

    private static FlatParameters.Builder net() {
        return FlatParameters.builder().add("weight", 2, 3).add("bias", 2).add("gain");
    }

    @Test
    void parametersLieOneAfterTheOther() {
        var values = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6, 7, 8, 9);
        var gradients = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 9, 8, 7, 6, 5, 4, 3, 2, 1);
        var net = net().over(values, gradients);

        assertThat(net.list())
                .extracting(Parameter::name)
                .containsExactly("weight", "bias", "gain");
        assertThat(net.list())
                .extracting(Parameter::shape)
                .containsExactly(Shape.of(2, 3), Shape.of(2), Shape.of());
        assertThat(values(net.list().get(0))).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(values(net.list().get(1))).containsExactly(7, 8);
        assertThat(Tensors.gradientValues(net.list().get(1))).containsExactly(3, 2);
        assertThat(values(net.list().get(2))).containsExactly(9);
        assertThat(net.values("bias").toArray(ValueLayout.JAVA_FLOAT)).containsExactly(7, 8);
        assertThat(net.gradients("gain").toArray(ValueLayout.JAVA_FLOAT)).containsExactly(1);
        assertThat(net.values()).isEqualTo(values);
        assertThat(net.gradients()).isEqualTo(gradients);
    }

    @Test
    void newMemoryIsAlignedAndZero() {
        var net = net().allocate(arena);
        assertThat(net.values().toArray(ValueLayout.JAVA_FLOAT)).hasSize(9).containsOnly(0);
        assertThat(net.gradients().toArray(ValueLayout.JAVA_FLOAT)).hasSize(9).containsOnly(0);
        assertThat(net.values().address() % 64).isZero();
        assertThat(net.gradients().address() % 64).isZero();
        assertThat(net().elements()).isEqualTo(9);
    }

    @Test
    void anOptimizerStepsThem() {
        var net = net().allocate(arena);
        net.gradients("bias").setAtIndex(ValueLayout.JAVA_FLOAT, 1, 2);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(Rules.sgd(0.5))
                                .group("all", net.list())
                                .backend(backend)
                                .build()) {
            optimizer.step();
        }
        assertThat(net.values().toArray(ValueLayout.JAVA_FLOAT))
                .containsExactly(0, 0, 0, 0, 0, 0, 0, -1, 0);
    }

    @Test
    void memoryThatDoesNotFitIsRefusedInOneMessage() {
        var memory = arena.allocate(64, 64);
        assertThatThrownBy(() -> net().over(memory.asSlice(0, 35).asReadOnly(), memory))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "parameters [weight, bias, gain] with 9 elements: values must have 36"
                                + " bytes, but has 35; gradients must have 36 bytes, but has 64;"
                                + " values is read-only; values and gradients overlap");
        assertThatThrownBy(
                        () ->
                                net().over(
                                                arena.allocate(40, 4).asSlice(1, 36),
                                                arena.allocate(36, 4)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("elements: values must be aligned to 4 bytes");
    }

    /** Gradients that a framework lends may be read alone. */
    @Test
    void gradientsMayBeReadOnly() {
        var net = net().over(arena.allocate(36, 4), arena.allocate(36, 4).asReadOnly());
        assertThat(net.gradients("bias").isReadOnly()).isTrue();
    }

    /** The native backends say of such memory that it must be native. */
    @Test
    void arraysOnTheHeapAreForTheReference() {
        var values = new float[9];
        var gradients = new float[9];
        gradients[8] = 4;
        var net = net().over(MemorySegment.ofArray(values), MemorySegment.ofArray(gradients));
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(Rules.sgd(0.25))
                                .group("all", net.list())
                                .backend(backend)
                                .build()) {
            optimizer.step();
        }
        assertThat(values).containsExactly(0, 0, 0, 0, 0, 0, 0, 0, -1);
    }

    @Test
    void badListsAreRefused() {
        assertThatThrownBy(() -> net().add("bias", 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there are two parameters 'bias'");
        assertThatThrownBy(() -> FlatParameters.builder().add("x", 2, -1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("[2, -1]");
        assertThatThrownBy(() -> FlatParameters.builder().allocate(arena))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no parameter was added");
        assertThatThrownBy(() -> net().allocate(arena).values("head"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no parameter 'head'; the parameters are weight, bias, gain");
    }
}
