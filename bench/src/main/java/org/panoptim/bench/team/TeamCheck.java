package org.panoptim.bench.team;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.bench.Workload;
import org.panoptim.parameter.Parameter;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares some elements of every member with those of one process that steps by the mean of all
 * members' gradients.
 */
final class TeamCheck {

    private static final int SAMPLES = 40;

    /**
     * By how much an element may differ for each step: sums and steps of others are rounded in
     * another order. A sum instead of a mean leads some 1e-4 astray in each step.
     */
    private static final double ROUNDING = 1e-6;

    private record Sample(int tensor, long index) {}

    private final int members;
    private final List<Sample> samples = new ArrayList<>();

    /** Samples lie evenly over all elements, so that every owner has some. */
    TeamCheck(Workload workload, int members) {
        this.members = members;
        long elements = workload.elements();
        var shapes = workload.shapes();
        for (int i = 0; i <= SAMPLES; i++) {
            long place = (elements - 1) * i / SAMPLES;
            int tensor = 0;
            while (place >= shapes.get(tensor).elements()) {
                place -= shapes.get(tensor).elements();
                tensor++;
            }
            samples.add(new Sample(tensor, place));
        }
    }

    /**
     * Compares after so many steps.
     *
     * @throws IllegalStateException if an element differs by more than rounding
     */
    void compare(String name, TeamProcesses processes, int steps) {
        var expected = expected(steps);
        for (int i = 0; i < samples.size(); i++) {
            var sample = samples.get(i);
            var values = processes.ask("value %d %d".formatted(sample.tensor, sample.index));
            for (int rank = 0; rank < members; rank++) {
                float value = Float.parseFloat(values.get(rank));
                if (!(Math.abs(value - expected[i]) <= ROUNDING * steps)) {
                    throw new IllegalStateException(
                            "%s: after %d steps member %d of %d has %s at element %d of tensor %d, but one process has %s"
                                    .formatted(
                                            name,
                                            steps,
                                            rank,
                                            members,
                                            value,
                                            sample.index,
                                            sample.tensor,
                                            expected[i]));
                }
            }
        }
    }

    /** What one process has. */
    private float[] expected(int steps) {
        try (var arena = Arena.ofConfined();
                var backend = Backend.named("reference")) {
            var value = arena.allocate(ValueLayout.JAVA_FLOAT, samples.size());
            var gradient = arena.allocate(ValueLayout.JAVA_FLOAT, samples.size());
            for (int i = 0; i < samples.size(); i++) {
                long index = samples.get(i).index;
                value.setAtIndex(ValueLayout.JAVA_FLOAT, i, TeamTensors.firstValue(index));
                gradient.setAtIndex(ValueLayout.JAVA_FLOAT, i, mean(index));
            }
            var parameter =
                    Parameter.of("samples", Shape.of(samples.size()), value).gradient(gradient);
            try (var optimizer =
                    Optimizer.builder(TeamMember.rule())
                            .group("all", List.of(parameter))
                            .backend(backend)
                            .build()) {
                for (int step = 0; step < steps; step++) {
                    optimizer.step();
                }
            }
            return value.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private float mean(long index) {
        double sum = 0;
        for (int rank = 0; rank < members; rank++) {
            sum += TeamTensors.gradient(rank, index);
        }
        return (float) (sum / members);
    }
}
