package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.djl.nn.Block;

import org.junit.jupiter.api.Test;

import java.util.function.Supplier;

class DjlExampleTest {

    private static final int EPOCHS = 4;

    private static void assertSameSteps(Supplier<Block> net) throws Exception {
        var runs = DjlExample.compare(net.get(), net.get(), EPOCHS);
        var expected = runs.expected().losses();
        var actual = runs.actual().losses();
        assertThat(actual).hasSameSizeAs(expected).hasSize(EPOCHS);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("epoch " + i).isCloseTo(expected.get(i), within(1e-5f));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst() / 5);
    }

    @Test
    void aPerceptronIsTrainedAlike() throws Exception {
        assertSameSteps(DjlExample::perceptron);
    }

    @Test
    void convolutionsAreTrainedAlike() throws Exception {
        assertSameSteps(DjlExample::convolutions);
    }
}
