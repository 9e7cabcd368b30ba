package org.panoptim.bench.run;

import org.panoptim.bench.Scenario;

/**
 * A step to measure.
 *
 * @param workload the tensors, by name
 * @param scenario what is done
 * @param backend where
 * @param baseline what it is compared with, by name
 * @param description the baseline in words
 * @param effort how thoroughly
 */
record StepRun(
        String workload,
        Scenario scenario,
        String backend,
        String baseline,
        String description,
        Effort effort) {}
