package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Reading and setting states by name. */
class StatesTest {

    private final Backend backend = Backend.named("reference");
    private final Parameter p = tensor("p", Shape.of(2, 2), 1, 2, 3, 4);
    private Optimizer optimizer;

    @BeforeEach
    void build() {
        optimizer =
                Optimizer.builder(SGD.withLearningRate(1).withMomentum(0.5))
                        .group("all", List.of(p))
                        .backend(backend)
                        .build();
    }

    @AfterEach
    void close() {
        optimizer.close();
        backend.close();
    }

    @Test
    void aStateSaysWhatItIs() {
        var state = optimizer.state("p", "momentum_buffer");
        assertThat(state.parameter()).isEqualTo("p");
        assertThat(state.slot()).isEqualTo("momentum_buffer");
        assertThat(state.shape()).isEqualTo(Shape.of(2, 2));
        assertThat(state.dtype()).isEqualTo(DType.F32);
        assertThat(state.byteSize()).isEqualTo(16);
        assertThat(state.toArray()).containsExactly(0, 0, 0, 0);
    }

    @Test
    void aStateFollowsTheSteps() {
        var state = optimizer.state("p", "momentum_buffer");
        gradient(p, 1, 2, 3, 4);
        optimizer.step();
        assertThat(state.toArray()).containsExactly(1, 2, 3, 4);
        optimizer.step();
        assertThat(state.toArray()).containsExactly(1.5f, 3, 4.5f, 6);
    }

    @Test
    void whatIsSetIsUsed() {
        gradient(p, 0, 0, 0, 0);
        optimizer.step();
        optimizer.state("p", "momentum_buffer").set(2, 4, 6, 8);
        optimizer.step(); // b = 0.5·set, p −= b
        assertThat(values(p)).containsExactly(0, 0, 0, 0);
        assertThat(optimizer.state("p", "momentum_buffer").toArray()).containsExactly(1, 2, 3, 4);
    }

    @Test
    void partsCanBeReadAndSet() {
        var state = optimizer.state("p", "momentum_buffer");
        state.write(4, MemorySegment.ofArray(new float[] {7, 8}));
        assertThat(state.toArray()).containsExactly(0, 7, 8, 0);
        var part = MemorySegment.ofArray(new float[2]);
        state.read(8, part);
        assertThat(part.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(8, 0);
    }

    @Test
    void whatLiesOutsideIsRefused() {
        var state = optimizer.state("p", "momentum_buffer");
        var part = MemorySegment.ofArray(new float[2]);
        for (long offset : new long[] {-1, 12, 16, Long.MAX_VALUE}) {
            assertThatThrownBy(() -> state.read(offset, part))
                    .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> state.write(offset, part))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
        assertThat(state.toArray()).containsExactly(0, 0, 0, 0);
    }

    @Test
    void anotherNumberOfElementsIsRefused() {
        assertThatThrownBy(() -> optimizer.state("p", "momentum_buffer").set(1, 2, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("state 'momentum_buffer' of parameter 'p' has 4 elements, but 3 came");
    }

    @Test
    void anUnknownParameterIsNamed() {
        assertThatThrownBy(() -> optimizer.state("q", "momentum_buffer"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("there is no parameter 'q'");
    }

    @Test
    void anUnknownStateIsAnsweredWithTheKnownOnes() {
        assertThatThrownBy(() -> optimizer.state("p", "exp_avg"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "rule sgd keeps no state 'exp_avg' for parameter 'p'; it keeps"
                                + " [momentum_buffer]");
        var q = tensor("q", Shape.of(), 1);
        optimizer.add(new ParameterGroup("more", AdamW.defaults(), List.of(q)));
        assertThatThrownBy(() -> optimizer.state("q", "step"))
                .hasMessage(
                        "rule adamw keeps no state 'step' for parameter 'q'; it keeps [exp_avg,"
                                + " exp_avg_sq]");
    }

    @Test
    void aStateOfAClosedOptimizerIsGone() {
        var state = optimizer.state("p", "momentum_buffer");
        optimizer.close();
        var message = "state 'momentum_buffer' of parameter 'p' is gone: its optimizer is closed";
        assertThatThrownBy(state::toArray)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(message);
        assertThatThrownBy(() -> state.set(1, 2, 3, 4))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(message);
    }
}
