package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PlainExampleTest {

    @Test
    void bothOptimizersTakeTheSameSteps() {
        var expected = PlainExample.byHand().losses();
        var actual = PlainExample.withPanoptim().losses();
        assertThat(actual).hasSameSizeAs(expected).hasSize(PlainExample.STEPS);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-4));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst() / 2);
    }
}
