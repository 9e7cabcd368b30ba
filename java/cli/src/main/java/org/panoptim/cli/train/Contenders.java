package org.panoptim.cli.train;

import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.Run;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.Function;

/** What came of trainings, by optimizer. */
public final class Contenders {

    private Contenders() {}

    /**
     * The contenders of some outcomes, in the order in which their optimizers come first.
     *
     * @param choice the optimizer of an outcome
     * @param run what is kept of it
     */
    public static <T, C extends SetupChoice<C>> List<Contender> of(
            List<T> outcomes, Function<T, C> choice, Function<T, Run> run) {
        var byChoice = new LinkedHashMap<C, List<Run>>();
        for (var outcome : outcomes) {
            byChoice.computeIfAbsent(choice.apply(outcome), _ -> new ArrayList<>())
                    .add(run.apply(outcome));
        }
        var contenders = new ArrayList<Contender>();
        byChoice.forEach(
                (each, runs) ->
                        contenders.add(
                                Contender.of(each.name(), each.ofEngine(), each.settings(), runs)));
        return contenders;
    }
}
