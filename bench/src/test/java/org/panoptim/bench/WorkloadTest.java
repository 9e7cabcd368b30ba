package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The workloads are the models that they are named after. */
class WorkloadTest {

    @ParameterizedTest
    @CsvSource({
        "flat, 1, 1, 33554432",
        "gpt2-small, 1, 148, 124439808",
        "resnet-50, 1, 161, 25557032",
        "bert-base, 1, 199, 109482240",
        "small, 1, 2000, 128000",
        "groups, 16, 128, 33553920",
        "tensors-1, 1, 1, 16777216",
        "tensors-10000, 1, 10000, 16770000",
        "elements-100000000, 1, 1, 100000000",
    })
    void hasItsGroupsTensorsAndElements(String name, int groups, int tensors, long elements) {
        var workload = Workload.named(name);
        assertThat(workload.name()).isEqualTo(name);
        assertThat(workload.groups()).hasSize(groups);
        assertThat(workload.shapes()).hasSize(tensors);
        assertThat(workload.elements()).isEqualTo(elements);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "FLAT", "tensors-", "tensors-0", "tensors-99999999", "elements-1e3"})
    void anUnknownOneIsRefusedWithTheNamesThatThereAre(String name) {
        assertThatThrownBy(() -> Workload.named(name))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + name + "'")
                .hasMessageContaining("gpt2-small");
    }
}
