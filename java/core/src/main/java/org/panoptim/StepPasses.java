package org.panoptim;

import org.panoptim.rule.Pass;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** The passes that an optimizer runs of itself, before and after every step. */
final class StepPasses {

    /**
     * A pass that goes with the step.
     *
     * @param execution that of the rule or companion that has it
     * @param plan what that runs
     */
    private record Due(Pass pass, Execution execution, StepPlan plan) {}

    private final Execution execution;

    /** Those that give gradients first. */
    private final Due[] before;

    /** How many of those before the step run whatever the gradients are: they give them. */
    private final int giving;

    private final Due[] after;

    /** What becomes of gradients, for a message; made once, since a step allocates nothing. */
    private final String rewriting;

    /** What a step does first. One object, since a step allocates nothing. */
    private final BeforeStep first = this::runBefore;

    StepPasses(StepPlan plan, Execution execution, Passes passes, Companions companions) {
        this.execution = execution;
        Function<Pass.Timing, Stream<Due>> due =
                timing -> due(timing, plan, passes, companions).stream();
        before =
                Stream.of(Pass.Timing.GIVING_GRADIENTS, Pass.Timing.BEFORE_STEP)
                        .flatMap(due)
                        .toArray(Due[]::new);
        giving = (int) due.apply(Pass.Timing.GIVING_GRADIENTS).count();
        after =
                Stream.of(Pass.Timing.COMPLETING_STEP, Pass.Timing.AFTER_STEP)
                        .flatMap(due)
                        .toArray(Due[]::new);
        rewriting = "rewritten by pass " + names();
    }

    private List<Due> due(Pass.Timing timing, StepPlan plan, Passes passes, Companions companions) {
        return passes.all().stream()
                .filter(pass -> pass.timing() == timing)
                .map(
                        pass ->
                                new Due(
                                        pass,
                                        companions.executionOf(pass.name()).orElse(execution),
                                        companions.planOf(pass.name()).orElse(plan)))
                .toList();
    }

    /** Whether there are any. */
    boolean isEmpty() {
        return before.length + after.length == 0;
    }

    /** Whether one of them writes gradients. */
    boolean writeGradients() {
        for (var due : before) {
            if (due.pass.writes() == Pass.Writes.GRADIENT) {
                return true;
            }
        }
        for (var due : after) {
            if (due.pass.writes() == Pass.Writes.GRADIENT) {
                return true;
            }
        }
        return false;
    }

    /**
     * Checks the values that they touch and that belong to frameworks.
     *
     * @throws IllegalStateException if one is not where it was
     */
    void check(SourceWatches sources) {
        for (var due : before) {
            sources.checkPassed(due.plan, due.pass);
        }
        for (var due : after) {
            sources.checkPassed(due.plan, due.pass);
        }
    }

    /** Runs those before the step. */
    BeforeStep first() {
        return first;
    }

    private void runBefore(Runnable trial) {
        for (int i = 0; i < before.length; i++) {
            if (i == giving) {
                trial.run();
            }
            before[i].execution.run(before[i].pass.name(), execution);
        }
    }

    /** Runs those after the step. */
    void runAfter() {
        for (var due : after) {
            due.execution.run(due.pass.name(), execution);
        }
    }

    /** Tells what they wrote. */
    void tell(SourceWatches sources) {
        for (var due : before) {
            sources.passed(due.plan, due.pass);
        }
        for (var due : after) {
            sources.passed(due.plan, due.pass);
        }
    }

    /** What they do to gradients, if they write them. */
    String rewriting() {
        return rewriting;
    }

    /** Their names, for messages. */
    String names() {
        return String.join(
                ", ",
                Arrays.stream(new Due[][] {before, after})
                        .flatMap(Arrays::stream)
                        .map(due -> due.pass.name())
                        .toList());
    }
}
