package org.panoptim.cli.verify;

import org.panoptim.Backend;
import org.panoptim.UnsupportedPlanException;

import java.util.List;
import java.util.function.Consumer;

/**
 * Runs scenarios on a backend and on the reference backend, and compares. Whoever opened the
 * backends closes them.
 */
public final class Verification {

    /**
     * What came of a scenario on a backend.
     *
     * @param refusal why the backend could not run it, or empty if it could
     */
    public record Result(Scenario scenario, String backend, Difference difference, String refusal) {

        /** Whether all bits are equal. */
        public boolean passed() {
            return difference.isNone() && refusal.isEmpty();
        }

        @Override
        public String toString() {
            return scenario + ", on " + backend + ": " + (refusal.isEmpty() ? difference : refusal);
        }
    }

    private final Backend reference;
    private final List<Backend> others;

    /**
     * A comparison of backends.
     *
     * @param reference the yardstick
     * @param others what is compared with it
     */
    public Verification(Backend reference, List<Backend> others) {
        this.reference = reference;
        this.others = List.copyOf(others);
    }

    /** Runs the scenarios in order and hands over each result as it comes. */
    public void run(List<Scenario> scenarios, Consumer<Result> results) {
        for (var scenario : scenarios) {
            var expected = Run.of(scenario, reference);
            for (var backend : others) {
                results.accept(compare(scenario, expected, backend));
            }
        }
    }

    private static Result compare(Scenario scenario, Snapshot expected, Backend backend) {
        try {
            var difference = Run.of(scenario, backend).differenceFrom(expected);
            return new Result(scenario, backend.name(), difference, "");
        } catch (UnsupportedPlanException e) {
            return new Result(
                    scenario, backend.name(), Difference.NONE, String.valueOf(e.getMessage()));
        }
    }
}
