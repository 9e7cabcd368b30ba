package org.panoptim.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.util.function.Supplier;

class TorchExampleTest {

    @BeforeAll
    static void useOneThread() {
        torch.set_num_threads(1); // several wait for each other where the machine is busy
    }

    private static void assertSameSteps(Supplier<TorchExample.Net> net) {
        var runs = TorchExample.compare(net, 3);
        var expected = runs.expected().losses;
        var actual = runs.actual().losses;
        assertThat(actual).hasSameSizeAs(expected).hasSizeGreaterThan(TorchExample.FIRST_STEPS);
        for (int i = 0; i < TorchExample.FIRST_STEPS; i++) {
            assertThat(actual.get(i)).as("step " + i).isCloseTo(expected.get(i), within(1e-5f));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst() / 4);
    }

    @Test
    void aPerceptronIsTrainedAlike() {
        assertSameSteps(TorchExample.Perceptron::new);
    }

    @Test
    void convolutionsAreTrainedAlike() {
        assertSameSteps(TorchExample.Convolutions::new);
    }
}
