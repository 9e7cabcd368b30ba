package org.panoptim.reference;

import org.jspecify.annotations.Nullable;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixView;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.rule.Reduction;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.TensorSums;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.IntToDoubleFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * Runs the phases of all rules that belong to a step or a pass, with the reductions between them.
 * Phases count from 0 here, as the step or pass has them.
 */
final class PhasedUpdate {

    private final List<ParameterGroup> groups;
    private final List<GroupedTensor> tensors;
    private final HostStates states;
    private final StepScalars scalars;
    private final boolean statistics;
    private final float averageWeight;
    private final boolean flushes;
    private final IntToDoubleFunction clips;
    private final ToDoubleFunction<ParameterGroup> rates;
    private final Function<UpdateRule, PhaseSpan> spans;

    /** The sums that phases have taken so far: a row a tensor, a column a reduction. */
    private final double[][] sums;

    /** A sum over all that are updated by one kernel. */
    private record SumOverAll(String kernel, int reduction) {}

    /** Those of phases that are over, each added up once and not for every tensor that asks. */
    private final Map<SumOverAll, Double> sumsOverAll = new HashMap<>();

    /** What the last phase has taken of each tensor: the sums of its rows and columns among it. */
    private final List<List<TakenSum>> taken = new ArrayList<>();

    /** What statistics have found of each tensor. */
    private final TensorSums[] statisticSums;

    /** The same while a phase runs: the sums over blocks, of tensors that it updates. */
    private final @Nullable StatisticTrees[] statisticTrees;

    /** The tensors that a pass leaves alone. */
    private final boolean[] resting;

    private final Optional<BlockExchange> exchange;

    /**
     * @param statistics whether the last phase takes sums of what it does
     * @param averageWeight how far the parameters' averages are moved
     * @param flushes whether states that a step leaves below the smallest normal number become 0
     * @param clips what bounds the norm of a tensor's gradient, by the tensor's index
     * @param rates what a group's learning rate is multiplied by beside the schedule's factor
     * @param spans the phases of a rule that are to be run
     * @param exchange completes sums where others have a part of them
     */
    PhasedUpdate(
            List<ParameterGroup> groups,
            List<GroupedTensor> tensors,
            HostStates states,
            StepScalars scalars,
            boolean statistics,
            float averageWeight,
            boolean flushes,
            IntToDoubleFunction clips,
            ToDoubleFunction<ParameterGroup> rates,
            Function<UpdateRule, PhaseSpan> spans,
            Optional<BlockExchange> exchange) {
        this.groups = groups;
        this.tensors = tensors;
        this.states = states;
        this.scalars = scalars;
        this.statistics = statistics;
        this.averageWeight = averageWeight;
        this.flushes = flushes;
        this.clips = clips;
        this.rates = rates;
        this.spans = spans;
        this.exchange = exchange;
        this.sums = tensors.stream().map(PhasedUpdate::zeroSums).toArray(double[][]::new);
        this.statisticSums = new TensorSums[tensors.size()];
        Arrays.fill(statisticSums, TensorSums.NONE);
        this.statisticTrees = new StatisticTrees[tensors.size()];
        this.resting = new boolean[tensors.size()];
        tensors.forEach(_ -> taken.add(List.of()));
    }

    /** Advances the states of the rules that have a phase. */
    void settle(int phase) {
        for (var group : groups) {
            var span = span(group);
            if (phase < span.phases()) {
                settle(span, span.first() + phase, group);
            }
        }
    }

    /** Runs a phase on every tensor that takes part and whose rule has it. */
    void run(int phase) {
        var ran = new ArrayList<Integer>();
        Arrays.fill(statisticTrees, null);
        for (int i = 0; i < tensors.size(); i++) {
            var span = span(tensors.get(i).group());
            if (phase < span.phases() && takesPart(tensors.get(i), span)) {
                if (phase == 0) {
                    resting[i] = rests(tensors.get(i), span);
                }
                if (!resting[i]) {
                    run(span, span.first() + phase, i);
                    ran.add(i);
                }
            }
        }
        exchange.ifPresent(others -> others.run(columns(ran)));
        for (int index : ran) {
            finishSums(index);
            var found = statisticTrees[index];
            if (found != null) {
                statisticSums[index] = found.sums();
            }
        }
    }

    /**
     * The sums over blocks that a phase has taken: those of rules by their places, then those of
     * statistics. What there is, every member of a team has.
     */
    private List<@Nullable ReductionTree[]> columns(List<Integer> ran) {
        var columns = new ArrayList<@Nullable ReductionTree[]>();
        int places =
                ran.stream()
                        .flatMap(index -> taken.get(index).stream())
                        .filter(sum -> sum.sum() instanceof ReductionTree)
                        .mapToInt(sum -> sum.place() + 1)
                        .max()
                        .orElse(0);
        for (int i = 0; i < places; i++) {
            columns.add(new ReductionTree[tensors.size()]);
        }
        boolean found = false;
        for (int index : ran) {
            for (var sum : taken.get(index)) {
                if (sum.sum() instanceof ReductionTree tree) {
                    columns.get(sum.place())[index] = tree;
                }
            }
            found |= statisticTrees[index] != null;
        }
        for (int i = 0; found && i < StatisticTrees.COUNT; i++) {
            var column = new ReductionTree[tensors.size()];
            for (int index : ran) {
                var trees = statisticTrees[index];
                column[index] = trees == null ? null : trees.trees()[i];
            }
            columns.add(column);
        }
        return columns;
    }

    /** Moves the averages of tensors that are not updated: frozen ones, or without a gradient. */
    void leaveIdle() {
        for (var grouped : tensors) {
            if (!grouped.live()) {
                grouped.tensor().follow(averageWeight);
            }
        }
    }

    /** What statistics have found of each tensor, for the last phase to have set. */
    List<TensorSums> statisticSums() {
        return List.of(statisticSums);
    }

    /** The most phases that a rule has, of groups that are not frozen. */
    int phases() {
        return groups.stream().mapToInt(group -> span(group).phases()).max().orElse(0);
    }

    /** The same of a step. */
    static int stepPhases(List<ParameterGroup> groups) {
        return groups.stream()
                .filter(group -> !group.frozen())
                .mapToInt(group -> PhaseSpan.ofStep(group.rule()).phases())
                .max()
                .orElse(0);
    }

    private static double[] zeroSums(GroupedTensor grouped) {
        return new double[reductions(grouped).size()];
    }

    private static List<Reduction> reductions(GroupedTensor grouped) {
        return grouped.rule().reductions(grouped.tensor().parameter.shape());
    }

    private static boolean takesPart(GroupedTensor grouped, PhaseSpan span) {
        return grouped.live() || span.everyParameter() && grouped.tensor().elements > 0;
    }

    private boolean rests(GroupedTensor grouped, PhaseSpan span) {
        var rule = grouped.rule();
        return span.first() >= rule.phases()
                && rule.rests(span.first(), scalars.preparation(rule, grouped.tensor()));
    }

    private PhaseSpan span(ParameterGroup group) {
        return group.frozen() ? PhaseSpan.NONE : spans.apply(group.rule());
    }

    private void settle(PhaseSpan span, int phase, ParameterGroup group) {
        var rule = group.rule();
        if (rule.slots().stream().anyMatch(slot -> slot.extent() == Slot.Extent.RULE)) {
            var sums = new double[rule.reductions().size()];
            for (int i = 0; i < sums.length; i++) {
                var reduction = rule.reductions().get(i);
                if (isBefore(reduction, span, phase)) {
                    sums[i] =
                            switch (reduction.scope()) {
                                case TENSOR, ROW, COLUMN -> 0;
                                case GROUP -> sumOverGroup(group, i);
                                case ALL -> sumOverAll(rule.kernelName(), i);
                            };
                }
            }
            rule.settle(
                    phase,
                    scalars.times(rates.applyAsDouble(group))
                            .settlement(rule, states.ruleSegments(group.name()), sums));
        }
    }

    /** Whether a sum was taken by an earlier phase of the same step or pass. */
    private static boolean isBefore(Reduction reduction, PhaseSpan span, int phase) {
        return span.has(reduction.phase()) && reduction.phase() < phase;
    }

    private void run(PhaseSpan span, int phase, int index) {
        var tensor = tensors.get(index).tensor();
        var rule = tensors.get(index).rule();
        boolean ofStep = phase < rule.phases();
        boolean last = phase == rule.phases() - 1;
        boolean completes = last || span.completing() && phase == span.end() - 1;
        var shape = tensor.parameter.shape();
        var preparation =
                scalars.times(rates.applyAsDouble(tensors.get(index).group()))
                        .preparation(rule, tensor, reductionsBefore(span, phase, index));
        var update = rule.prepare(phase, preparation);
        var slots = rule.slots(shape);
        var matrices = MatrixStack.of(shape, MatrixView.of(rule));
        boolean owned = tensor.end > tensor.begin;
        if (rule instanceof LineRule lines && tookLines(index) && owned) {
            new LineAdvance(
                            lines,
                            phase,
                            preparation.forLines(),
                            slots,
                            tensor.states,
                            matrices,
                            taken.get(index))
                    .run();
        }
        taken.set(index, beginSums(phase, index, matrices));
        var element =
                new ElementView(
                        tensor,
                        slots,
                        matrices,
                        scalars.gradientFactor(rule, clips.applyAsDouble(index)),
                        scalars.gradientLimit(),
                        scalars.gradientUnit(rule),
                        scalars.curvatureFactor(rule),
                        taken.get(index),
                        ofStep,
                        span.writes(),
                        ofStep && flushes);
        var found = new StatisticTrees(tensor.elements);
        for (long i = tensor.begin; i < tensor.end; i++) {
            element.at(i);
            float before = element.parameter();
            update.update(element);
            if (last && statistics) {
                found.add(i, before, element);
            }
            if (completes) {
                element.writeOutputs(averageWeight);
            }
            element.store();
        }
        if (last && statistics) {
            statisticTrees[index] = found;
        }
    }

    private boolean tookLines(int index) {
        return taken.get(index).stream().anyMatch(sum -> sum.reduction().scope().isOfLines());
    }

    private List<TakenSum> beginSums(int phase, int index, MatrixStack matrices) {
        var reductions = reductions(tensors.get(index));
        var begun = new ArrayList<TakenSum>();
        for (int i = 0; i < reductions.size(); i++) {
            var reduction = reductions.get(i);
            if (reduction.phase() == phase) {
                long elements = tensors.get(index).tensor().elements;
                begun.add(TakenSum.begin(i, reduction, elements, matrices));
            }
        }
        return begun;
    }

    private void finishSums(int index) {
        for (var each : taken.get(index)) {
            switch (each.sum()) {
                case ReductionTree tree -> sums[index][each.place()] = tree.sum();
                case LineSums lines -> lines.finish();
            }
        }
    }

    private double[] reductionsBefore(PhaseSpan span, int phase, int index) {
        var reductions = reductions(tensors.get(index));
        var values = new double[reductions.size()];
        for (int i = 0; i < values.length; i++) {
            var reduction = reductions.get(i);
            if (isBefore(reduction, span, phase) && !reduction.scope().isOfLines()) {
                values[i] =
                        switch (reduction.scope()) {
                            case TENSOR -> sums[index][i];
                            case GROUP, ROW, COLUMN -> 0;
                            case ALL -> sumOverAll(kernelName(tensors.get(index)), i);
                        };
            }
        }
        return values;
    }

    /** The name of the kernel that updates a tensor. */
    private static String kernelName(GroupedTensor grouped) {
        return grouped.rule().kernelName(grouped.tensor().parameter.shape());
    }

    /** Joins a reduction over a group. */
    private double sumOverGroup(ParameterGroup group, int reduction) {
        return ReductionTree.join(
                IntStream.range(0, tensors.size())
                        .filter(i -> tensors.get(i).group() == group)
                        .mapToDouble(
                                i ->
                                        takesPart(tensors.get(i), span(group))
                                                ? sums[i][reduction]
                                                : 0)
                        .toArray());
    }

    /** A reduction over all that are updated by one kernel, taken by an earlier phase. */
    private double sumOverAll(String kernel, int reduction) {
        return sumsOverAll.computeIfAbsent(
                new SumOverAll(kernel, reduction), sum -> join(sum.kernel(), sum.reduction()));
    }

    private double join(String kernel, int reduction) {
        var values = new double[tensors.size()];
        for (int i = 0; i < values.length; i++) {
            var other = tensors.get(i);
            if (takesPart(other, span(other.group())) && kernelName(other).equals(kernel)) {
                values[i] = sums[i][reduction];
            }
        }
        return ReductionTree.join(values);
    }
}
