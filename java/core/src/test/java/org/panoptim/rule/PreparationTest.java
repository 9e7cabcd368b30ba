package org.panoptim.rule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.List;

class PreparationTest {

    private static final List<Slot> SLOTS =
            List.of(
                    new Slot("element"),
                    new Slot("row", Slot.Extent.ROW),
                    new Slot("tensor", Slot.Extent.TENSOR),
                    new Slot("rule", Slot.Extent.RULE));

    private final double[][] memory = {{0}, {0}, {2}, {3}};

    private Preparation preparation(Slot.Extent advanced) {
        var states = new MemorySegment[memory.length];
        for (int i = 0; i < states.length; i++) {
            states[i] = MemorySegment.ofArray(memory[i]);
        }
        return new Preparation(1, Double.NaN, 1, 1, Shape.of(2, 3), SLOTS, advanced, states);
    }

    @Test
    void aParameterAdvancesItsOwnStatesAndReadsTheRules() {
        var preparation = preparation(Slot.Extent.TENSOR);

        preparation.state(2, 5);

        assertThat(memory[2]).containsExactly(5);
        assertThat(preparation.state(2)).isEqualTo(5);
        assertThat(preparation.state(3)).isEqualTo(3);
        assertThat(preparation.shape()).isEqualTo(Shape.of(2, 3));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> preparation.state(3, 1))
                .withMessage(
                        "state rule (RULE) cannot be set here, where states of the tensor are"
                                + " advanced");
        assertThat(memory[3]).containsExactly(3);
    }

    @Test
    void aRuleAdvancesItsOwnStatesAndKnowsNoParameters() {
        var preparation = preparation(Slot.Extent.RULE);

        preparation.state(3, 5);

        assertThat(memory[3]).containsExactly(5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> preparation.state(2))
                .withMessage(
                        "state tensor (TENSOR) cannot be read here, where states of the rule are"
                                + " advanced");
        assertThatIllegalArgumentException().isThrownBy(() -> preparation.state(2, 1));
    }

    @Test
    void statesOfElementsAreNotForPreparing() {
        var preparation = preparation(Slot.Extent.TENSOR);

        for (int slot : new int[] {0, 1}) {
            assertThatIllegalArgumentException().isThrownBy(() -> preparation.state(slot));
            assertThatIllegalArgumentException().isThrownBy(() -> preparation.state(slot, 1));
            assertThat(memory[slot]).containsExactly(0);
        }
    }
}
