package org.panoptim.tests.team;

import org.panoptim.Optimizer;
import org.panoptim.StepReport;
import org.panoptim.backend.Backend;
import org.panoptim.rule.AdaptiveClip;
import org.panoptim.rule.Cautious;
import org.panoptim.rule.Centralize;
import org.panoptim.rule.Hypergradient;
import org.panoptim.rule.Lookahead;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.shard.Team;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Some steps that members take together, or one process.
 *
 * @param name of the case
 * @param rule of all groups
 * @param change what is set of an optimizer in addition
 * @param steps how the steps are taken
 */
record TeamCase(
        String name, UpdateRule rule, UnaryOperator<Optimizer.Builder<?>> change, Steps steps) {

    /** Takes steps of an optimizer over a net. */
    interface Steps {
        void take(TeamNet net, Optimizer optimizer, Runnable stepped);
    }

    /**
     * What came of the steps.
     *
     * @param common what all members have alike: reports and parameters after each step
     * @param states hashes of what this member has of states, to be put together
     */
    record Result(List<String> common, List<Digest> states) {}

    private static final Steps TWO =
            (net, optimizer, stepped) -> {
                for (int step = 0; step < 2; step++) {
                    net.differentiate(optimizer, TeamNet.usual(step));
                    optimizer.step();
                    stepped.run();
                }
            };

    /** All cases. */
    static List<TeamCase> all() {
        var cases = new ArrayList<TeamCase>();
        for (var rule : Rules.exact()) {
            if (!rule.name().equals("ada-fisher")) {
                cases.add(
                        new TeamCase(rule.name(), rule, builder -> builder.clipGlobalNorm(1), TWO));
            }
        }
        for (var companion :
                List.of(
                        Lookahead.defaults().withK(2),
                        Cautious.ofUpdates(),
                        new Centralize(),
                        AdaptiveClip.defaults(),
                        Hypergradient.defaults())) {
            cases.add(
                    adamW(
                            "with " + companion.name(),
                            builder -> builder.companion(companion),
                            TWO));
        }
        cases.add(
                adamW(
                        "sam",
                        builder -> builder.companion(SAM.defaults()),
                        (net, optimizer, stepped) -> {
                            for (int step = 0; step < 2; step++) {
                                net.differentiate(optimizer, TeamNet.usual(2 * step));
                                optimizer.run(SAM.PERTURB);
                                net.differentiate(optimizer, TeamNet.usual(2 * step + 1));
                                optimizer.run(SAM.RESTORE);
                                optimizer.step();
                                stepped.run();
                            }
                        }));
        cases.add(adamW("group norms", builder -> builder.clipGroupNorm(1), TWO));
        cases.add(adamW("parameter norms", builder -> builder.clipParameterNorm(1), TWO));
        cases.add(adamW("values", builder -> builder.clipValue(1e-3), TWO));
        cases.add(adamW("dynamic loss scale", TeamCase::scaled, TeamCase::takeNotFinite));
        cases.add(adamW("frozen group", UnaryOperator.identity(), TeamCase::takeFrozen));
        cases.add(
                adamW(
                        "a parameter without a gradient",
                        UnaryOperator.identity(),
                        TeamCase::takeWithout));
        return cases;
    }

    private static TeamCase adamW(
            String name, UnaryOperator<Optimizer.Builder<?>> change, Steps steps) {
        return new TeamCase(name, Rules.adamW(1e-2), change, steps);
    }

    private static Optimizer.Builder<?> scaled(Optimizer.Builder<?> builder) {
        return builder.lossScale(LossScale.dynamic()).clipGlobalNorm(1);
    }

    /** The leaf of one member is not finite in the second step. */
    private static void takeNotFinite(TeamNet net, Optimizer optimizer, Runnable stepped) {
        for (int step = 0; step < 3; step++) {
            var usual = TeamNet.usual(step);
            boolean second = step == 1;
            net.differentiate(
                    optimizer,
                    (leaf, parameter, elements) -> {
                        var gradient = usual.of(leaf, parameter, elements);
                        if (second && leaf == 5 && parameter == 3) {
                            gradient[200] = Float.POSITIVE_INFINITY;
                        }
                        return gradient;
                    });
            optimizer.step();
            stepped.run();
        }
    }

    private static void takeFrozen(TeamNet net, Optimizer optimizer, Runnable stepped) {
        for (int step = 0; step < 3; step++) {
            if (step == 1) {
                optimizer.freeze("second");
            } else if (step == 2) {
                optimizer.unfreeze("second");
            }
            net.differentiate(optimizer, TeamNet.usual(step));
            optimizer.step();
            stepped.run();
        }
    }

    private static void takeWithout(TeamNet net, Optimizer optimizer, Runnable stepped) {
        for (int step = 0; step < 3; step++) {
            for (int index : List.of(0, 3)) {
                if (step == 1) {
                    net.parameters.get(index).clearGradient();
                } else {
                    net.give(index);
                }
            }
            net.differentiate(optimizer, TeamNet.usual(step));
            optimizer.step();
            stepped.run();
        }
    }

    /** Takes the steps. */
    Result run(Backend backend, Optional<Team> team) {
        var common = new ArrayList<String>();
        try (var arena = Arena.ofShared()) {
            var net = new TeamNet(arena, team);
            var builder =
                    Optimizer.builder(rule)
                            .group("first", net.parameters.subList(0, 3))
                            .group("second", net.parameters.subList(3, net.parameters.size()))
                            .nonFinite(NonFinitePolicy.SKIP)
                            .statistics(true)
                            .zeroGradients(true)
                            .backend(backend);
            team.ifPresent(each -> builder.shards(each, TeamNet.LEAVES));
            try (var optimizer = change.apply(builder).build()) {
                steps.take(
                        net,
                        optimizer,
                        () -> common.add(net.digest() + " " + told(optimizer.report())));
                return new Result(common, states(net, optimizer, common));
            }
        }
    }

    /** What a report says, but for what a member of a team alone has. */
    private static String told(StepReport report) {
        return List.of(
                        report.step(),
                        report.skipped(),
                        report.accepted(),
                        report.lossScale(),
                        report.learningRates(),
                        report.counts(),
                        report.gradientNorm(),
                        report.updateNorm(),
                        report.clipCoefficient(),
                        report.parameters(),
                        report.groups())
                .toString();
    }

    private List<Digest> states(TeamNet net, Optimizer optimizer, List<String> common) {
        var states = new ArrayList<Digest>();
        for (var parameter : net.parameters) {
            for (var slot : rule.slots(parameter.shape())) {
                if (!slot.isKept() || slot.extent() == Slot.Extent.RULE) {
                    continue;
                }
                var digest = digest(optimizer.state(parameter.name(), slot.name()));
                if (slot.extent() == Slot.Extent.TENSOR) {
                    common.add(digest.toString());
                } else {
                    states.add(digest);
                }
            }
        }
        return states;
    }

    private static Digest digest(StateTensor state) {
        var bytes = new byte[Math.toIntExact(state.byteSize())];
        state.read(0, MemorySegment.ofArray(bytes));
        return Digest.of(MemorySegment.ofArray(bytes));
    }
}
