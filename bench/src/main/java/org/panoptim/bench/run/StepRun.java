package org.panoptim.bench.run;

import org.panoptim.bench.Work;

/**
 * A step to measure.
 *
 * @param workload the tensors, by name
 * @param work what is done
 * @param backend where
 * @param opponent beside what, by name
 * @param description the opponent in words
 * @param effort how thoroughly
 */
record StepRun(
        String workload,
        Work work,
        String backend,
        String opponent,
        String description,
        Effort effort) {}
