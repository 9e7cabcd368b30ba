package org.panoptim.bench.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;

@EnabledIf("org.panoptim.bench.process.StateMemory#isMeasurable")
class StateMemoryTest {

    private static int ruleIndex(String title) {
        return StatefulRule.all().stream().map(StatefulRule::title).toList().indexOf(title);
    }

    /** The virtual machine takes up to a tenth of a byte a parameter meanwhile. */
    @ParameterizedTest
    @CsvSource({"simd, sgd, 0", "simd, 'adam, adamw', 8", "reference, lion, 4"})
    void aProcessGrowsByTheStatesThatARuleDeclares(String backend, String rule, double bytes)
            throws IOException {
        assertThat(StateMemory.measure(backend, ruleIndex(rule))).isCloseTo(bytes, within(.25));
    }

    @Test
    void aProcessThatFailsIsReportedWithWhatItSaid() {
        assertThatThrownBy(() -> StateMemory.measure("abacus", ruleIndex("lion")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("the optimizer of rule lion failed with exit status 1")
                .hasMessageContaining("there is no backend 'abacus'");
    }
}
