package org.panoptim.cli.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

/** Divides examples into batches, anew for every epoch, in a way that follows from a seed. */
final class BatchSampler {

    private final SplittableRandom random;
    private final long[] indices;
    private final int batch;

    BatchSampler(long seed, int examples, int batch) {
        this.random = new SplittableRandom(seed);
        this.indices = LongStream.range(0, examples).toArray();
        this.batch = batch;
    }

    /** The next epoch's batches; the last one may be smaller. */
    List<long[]> nextEpoch() {
        for (int i = indices.length - 1; i > 0; i--) {
            int other = random.nextInt(i + 1);
            long swapped = indices[i];
            indices[i] = indices[other];
            indices[other] = swapped;
        }
        var batches = new ArrayList<long[]>();
        for (int start = 0; start < indices.length; start += batch) {
            batches.add(
                    Arrays.copyOfRange(indices, start, Math.min(start + batch, indices.length)));
        }
        return batches;
    }

    int batchesPerEpoch() {
        return Math.ceilDiv(indices.length, batch);
    }
}
