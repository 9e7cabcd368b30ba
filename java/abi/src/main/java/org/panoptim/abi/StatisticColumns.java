package org.panoptim.abi;

import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTICS;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTIC_GRADIENT;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTIC_LIMITED;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTIC_UPDATE;
import static org.panoptim.abi.bindings.PanoptimPlan.PANOPTIM_STATISTIC_VALUE;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import org.panoptim.spi.TensorSums;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.LongStream;

/** What statistics have found of every tensor: a column a statistic, in one piece of memory. */
public final class StatisticColumns {

    private StatisticColumns() {}

    /** Says of all tensors that they took no part in a step. */
    public static void clear(MemorySegment columns) {
        for (long i = 0; i < columns.byteSize() / Double.BYTES; i++) {
            columns.setAtIndex(JAVA_DOUBLE, i, -1);
        }
    }

    /** The sums of each tensor. */
    public static List<TensorSums> read(MemorySegment columns) {
        long tensors = columns.byteSize() / (Double.BYTES * PANOPTIM_STATISTICS());
        return LongStream.range(0, tensors)
                .mapToObj(
                        tensor ->
                                new TensorSums(
                                        at(columns, tensors, PANOPTIM_STATISTIC_UPDATE(), tensor),
                                        at(columns, tensors, PANOPTIM_STATISTIC_VALUE(), tensor),
                                        at(columns, tensors, PANOPTIM_STATISTIC_GRADIENT(), tensor),
                                        at(columns, tensors, PANOPTIM_STATISTIC_LIMITED(), tensor)))
                .toList();
    }

    private static double at(MemorySegment columns, long tensors, int statistic, long tensor) {
        return columns.getAtIndex(JAVA_DOUBLE, statistic * tensors + tensor);
    }
}
