package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class DjlExampleTest {

    @Test
    void bothOptimizersTakeTheSameSteps() throws Exception {
        var expected = DjlExample.withDjl().losses();
        var actual = DjlExample.withPanoptim().losses();
        assertThat(actual).hasSameSizeAs(expected).hasSize(DjlExample.EPOCHS);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).isCloseTo(expected.get(i), within(1e-4f));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst() / 2);
    }
}
