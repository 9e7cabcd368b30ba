package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;

import org.junit.jupiter.api.Test;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Setting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.tensor.Shape;

import java.util.List;

/** Where an element finds the states that it shares with its row or its column. */
public class ElementViewTest {

    /** Sets each element to its row's state plus its column's. */
    public record Crossed(@Setting("lr") double learningRate) implements UpdateRule {

        @Override
        public String name() {
            return "crossed";
        }

        @Override
        public Crossed atLearningRate(double value) {
            return new Crossed(value);
        }

        @Override
        public List<Slot> slots() {
            return List.of(
                    new Slot("row", Slot.Extent.ROW).startingAt(3),
                    new Slot("column", Slot.Extent.COLUMN));
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return element -> element.parameter(element.state(0) + element.state(1));
        }
    }

    @Test
    void aRowsStateIsSharedAlongTheLastDimensionAndAColumnsAcrossTheOneBefore() {
        var p = tensor("p", Shape.of(2, 3, 2), new float[12]);
        try (var backend = Backend.named("reference");
                var optimizer =
                        Optimizer.builder(new Crossed(1))
                                .group("all", List.of(p))
                                .backend(backend)
                                .build()) {
            assertThat(optimizer.state("p", "row").toArray()).containsExactly(3, 3, 3, 3, 3, 3);
            optimizer.state("p", "row").set(new float[] {10, 20, 30, 40, 50, 60});
            optimizer.state("p", "column").set(new float[] {1, 2, 3, 4});
            gradient(p, new float[12]);
            optimizer.step();
            assertThat(values(p)).containsExactly(11, 12, 21, 22, 31, 32, 43, 44, 53, 54, 63, 64);
        }
    }
}
