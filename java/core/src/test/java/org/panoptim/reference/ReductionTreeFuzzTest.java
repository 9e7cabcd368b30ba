package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.panoptim.reference.ReductionTreeTest.BLOCK;
import static org.panoptim.reference.ReductionTreeTest.bits;
import static org.panoptim.reference.ReductionTreeTest.model;
import static org.panoptim.reference.ReductionTreeTest.tree;
import static org.panoptim.reference.ReductionTreeTest.values;

import org.junit.jupiter.api.Test;
import org.panoptim.seeded.SeededCases;

/** The tree against its model, for generated sizes. */
class ReductionTreeFuzzTest {

    private record Numbers(int elements, int seed) {}

    @Test
    void theTreeIsAsDescribedForAnySize() {
        SeededCases.check(
                200,
                draw -> new Numbers(draw.size(0, 6 * BLOCK), draw.anyInt()),
                numbers -> {
                    var values = values(numbers.elements(), numbers.seed());
                    assertThat(bits(tree(values))).isEqualTo(bits(model(values)));
                });
    }
}
