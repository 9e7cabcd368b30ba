package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.stream.LongStream;

class BatchSamplerTest {

    @Test
    void anEpochHasEveryExampleOnce() {
        var order = new BatchSampler(1, 10, 4);

        for (int epoch = 0; epoch < 3; epoch++) {
            var batches = order.nextEpoch();
            assertThat(batches).extracting(batch -> batch.length).containsExactly(4, 4, 2);
            assertThat(batches.stream().flatMapToLong(Arrays::stream).sorted())
                    .containsExactlyElementsOf(LongStream.range(0, 10).boxed().toList());
        }
        assertThat(order.batchesPerEpoch()).isEqualTo(3);
    }

    @Test
    void theOrderFollowsFromTheSeedAndDiffersFromEpochToEpoch() {
        var one = new BatchSampler(1, 100, 100);
        var same = new BatchSampler(1, 100, 100);
        var other = new BatchSampler(2, 100, 100);
        var first = one.nextEpoch().getFirst();

        assertThat(same.nextEpoch().getFirst()).isEqualTo(first);
        assertThat(other.nextEpoch().getFirst()).isNotEqualTo(first);
        assertThat(one.nextEpoch().getFirst()).isNotEqualTo(first);
    }
}
