package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class TorchExampleTest {

    @Test
    void bothOptimizersTakeTheSameSteps() {
        var expected = TorchExample.withPyTorch().losses();
        var actual = TorchExample.withPanoptim().losses();
        assertThat(actual).hasSameSizeAs(expected).hasSize(TorchExample.STEPS);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-4f));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst() / 2);
    }
}
