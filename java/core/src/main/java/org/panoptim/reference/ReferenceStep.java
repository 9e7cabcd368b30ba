package org.panoptim.reference;

import org.jspecify.annotations.Nullable;
import org.panoptim.memory.FloatView;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Arithmetic;
import org.panoptim.rule.PhaseSpan;
import org.panoptim.spi.Counters;
import org.panoptim.spi.HostMatrixWork;
import org.panoptim.spi.HostStates;
import org.panoptim.spi.Outcome;
import org.panoptim.spi.StepContext;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.StepStages;
import org.panoptim.spi.StepSums;
import org.panoptim.spi.TensorSums;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFinitePolicy;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/** The stages of one step in plain Java. */
final class ReferenceStep implements StepStages {

    /** Keeps the clip coefficient finite for a zero norm, as PyTorch's clip_grad_norm_ does. */
    private static final double CLIP_EPSILON = 1e-6;

    private final StepPlan plan;
    private final List<GroupedTensor> tensors;
    private final HostStates states;
    private final HostMatrixWork matrixWork;
    private final Optional<BlockExchange> exchange;
    private final boolean takesStatistics;
    private final double rateFactor;
    private final double momentum;
    private final double lossScale;
    private final double gradientScale;

    private Counters counters;
    private double squares;

    /** The same for each tensor, once measured. */
    private double[] tensorSquares = {};

    /** The clip coefficients of groups by name, found when a tensor of theirs first asks. */
    private final Map<String, Double> groupClips = new HashMap<>();

    private boolean accepted;
    private double norm;
    private double clip = 1;
    private StepScalars scalars;
    private PhasedUpdate update;

    /**
     * A step that is about to be taken.
     *
     * @param exchange completes sums where others have a part of them
     * @param counters those before it
     */
    ReferenceStep(
            StepPlan plan,
            List<GroupedTensor> tensors,
            HostStates states,
            HostMatrixWork matrixWork,
            Optional<BlockExchange> exchange,
            Counters counters) {
        this.plan = plan;
        this.tensors = tensors;
        this.states = states;
        this.matrixWork = matrixWork;
        this.exchange = exchange;
        this.counters = counters;
        takesStatistics = plan.takesStatistics(counters.step() + 1);
        rateFactor = plan.rateFactor(counters.step() + 1);
        momentum = plan.momentum(counters.step() + 1);
        lossScale = counters.lossScale();
        gradientScale = 1.0 / lossScale;
    }

    Counters counters() {
        return counters;
    }

    boolean accepted() {
        return accepted;
    }

    @Override
    public void measure() {
        squares = sumOfSquares();
    }

    /** Whether the gradients as they are now would refuse it. */
    boolean isAboutToBeRefused() {
        if (plan.policy() == NonFinitePolicy.PROPAGATE) {
            return false;
        }
        measure();
        return !isFinite();
    }

    private boolean isFinite() {
        return !plan.measures() || Double.isFinite(squares) && curvatureIsFinite();
    }

    @Override
    public void decide(boolean preparing) {
        boolean finite = isFinite();
        accepted = finite || plan.policy() == NonFinitePolicy.PROPAGATE;
        if (accepted) {
            for (var grouped : tensors) {
                if (grouped.live()) {
                    grouped.tensor().count++;
                }
            }
        }
        counters = decided(finite);
    }

    /** The counters after the decision. */
    private Counters decided(boolean finite) {
        long tracker = counters.growthTracker();
        double scale = counters.lossScale();
        if (plan.lossScale() instanceof LossScale.Dynamic dynamic) {
            if (!finite) {
                double lowered = scale * dynamic.backoffFactor();
                scale = lowered >= LossScale.SMALLEST ? lowered : scale;
                tracker = 0;
            } else if (++tracker == dynamic.growthInterval()) {
                double grown = scale * dynamic.growthFactor();
                scale = grown <= LossScale.LARGEST ? grown : scale;
                tracker = 0;
            }
        }
        return new Counters(
                counters.step() + (accepted ? 1 : 0),
                counters.skipped() + (accepted ? 0 : 1),
                tracker,
                scale);
    }

    @Override
    public Runnable save() {
        var before = counters;
        var counts = tensors.stream().mapToLong(grouped -> grouped.tensor().count).toArray();
        return () -> {
            counters = before;
            for (int i = 0; i < counts.length; i++) {
                tensors.get(i).tensor().count = counts[i];
            }
        };
    }

    @Override
    public void transform() {
        plan.transform()
                .orElseThrow()
                .transform(new StepContext(accepted, counters.step(), gradientScale, rateFactor));
    }

    @Override
    public void measureTransformed() {
        squares = sumOfSquares();
    }

    /** Computes the clip coefficient first, of gradients that the rules are about to use. */
    @Override
    public void prepare(int phase) {
        if (phase == 0) {
            norm = Math.sqrt(squares) * gradientScale;
            var clipping = plan.clipping();
            clip = clipping.scope() == Clipping.Scope.GLOBAL ? clip(norm) : 1;
            scalars =
                    new StepScalars(
                            counters.step(),
                            lossScale,
                            gradientScale,
                            (float) clipping.value(),
                            rateFactor,
                            momentum);
            update =
                    new PhasedUpdate(
                            plan.groups(),
                            tensors,
                            states,
                            scalars,
                            takesStatistics,
                            ReferenceExecution.averageWeight(plan, counters.step()),
                            plan.flushesStates(),
                            this::clipOf,
                            group -> ReferenceExecution.rate(plan, group),
                            PhaseSpan::ofStep,
                            exchange);
        }
        if (accepted) {
            update.settle(phase);
        }
    }

    /** The factor that brings a norm down to what it is bounded by. */
    private double clip(double unclipped) {
        return plan.clipping().boundsNorms()
                ? Arithmetic.min(plan.clipping().norm() / (unclipped + CLIP_EPSILON), 1.0)
                : 1;
    }

    private double clipOf(int tensor) {
        if (!plan.clipping().boundsNorms()) {
            return 1;
        }
        return switch (plan.clipping().scope()) {
            case GLOBAL -> clip;
            case GROUP -> clipOf(tensors.get(tensor).group());
            case PARAMETER -> clip(Math.sqrt(tensorSquares[tensor]) * gradientScale);
        };
    }

    private double clipOf(ParameterGroup group) {
        return groupClips.computeIfAbsent(
                group.name(), _ -> clip(Math.sqrt(squaresOfGroup(group)) * gradientScale));
    }

    private double squaresOfGroup(ParameterGroup group) {
        return ReductionTree.join(
                IntStream.range(0, tensors.size())
                        .filter(i -> tensors.get(i).group() == group)
                        .mapToDouble(i -> tensorSquares[i])
                        .toArray());
    }

    @Override
    public void update(int phase) {
        if (accepted) {
            if (phase == 0) {
                update.leaveIdle();
            }
            update.run(phase);
        }
    }

    @Override
    public void between(int phase) {
        if (accepted) {
            matrixWork.between(phase);
        }
    }

    @Override
    public void finish() {
        if (plan.zeroesInStep()) {
            zeroGradients(tensors);
        }
    }

    /** What came of it, when all stages are done. */
    Outcome outcome() {
        return new Outcome(
                counters,
                accepted,
                known(
                        plan.measures() || takesStatistics,
                        plan.measures() ? norm : normOfStatistics()),
                clip,
                known(takesStatistics, joined(TensorSums::updateSquares)),
                rateFactor);
    }

    /** The gradient's norm as the update found it. */
    private double normOfStatistics() {
        return joined(TensorSums::gradientSquares) * gradientScale;
    }

    private double joined(ToDoubleFunction<TensorSums> sum) {
        return Math.sqrt(
                ReductionTree.join(
                        update.statisticSums().stream()
                                .mapToDouble(each -> each.isUpdated() ? sum.applyAsDouble(each) : 0)
                                .toArray()));
    }

    /** What statistics have found. */
    StepSums sums() {
        if (!takesStatistics) {
            return StepSums.none();
        }
        var found =
                accepted
                        ? update.statisticSums()
                        : IntStream.range(0, tensors.size()).mapToObj(this::refused).toList();
        return new StepSums(gradientScale, found);
    }

    private TensorSums refused(int tensor) {
        return tensors.get(tensor).live()
                ? TensorSums.refused(tensorSquares[tensor])
                : TensorSums.NONE;
    }

    private static OptionalDouble known(boolean asked, double value) {
        return asked ? OptionalDouble.of(value) : OptionalDouble.empty();
    }

    static void zeroGradients(List<GroupedTensor> tensors) {
        for (var grouped : tensors) {
            if (grouped.tensor().present()) {
                grouped.tensor().gradient().memory().fill((byte) 0);
            }
        }
    }

    /**
     * The sum of squares of the raw gradients, infinite if one of them is not finite or would not
     * be once unscaled; NaN if nothing asks for it.
     */
    private double sumOfSquares() {
        if (!plan.measures()) {
            return Double.NaN;
        }
        tensorSquares = sumsOfSquares(GroupedTensor::live, Tensor::gradient);
        return ReductionTree.join(tensorSquares);
    }

    private boolean curvatureIsFinite() {
        return Double.isFinite(
                ReductionTree.join(
                        sumsOfSquares(
                                each -> each.live() && each.tensor().hasCurvature(),
                                Tensor::curvature)));
    }

    /** Of each tensor that has them, 0 of the others. */
    private double[] sumsOfSquares(
            Predicate<GroupedTensor> has, Function<Tensor, FloatView> values) {
        var trees =
                tensors.stream()
                        .map(
                                each ->
                                        has.test(each)
                                                ? squares(
                                                        each.tensor(),
                                                        values.apply(each.tensor()),
                                                        unscaleFactor())
                                                : null)
                        .toArray(ReductionTree[]::new);
        exchange.ifPresent(others -> others.run(List.<@Nullable ReductionTree[]>of(trees)));
        return Arrays.stream(trees).mapToDouble(tree -> tree == null ? 0 : tree.sum()).toArray();
    }

    /** What elements are multiplied by to unscale them: as the attempt began. */
    private float unscaleFactor() {
        return (float) gradientScale;
    }

    private static ReductionTree squares(Tensor tensor, FloatView values, float scale) {
        var tree = new ReductionTree(tensor.elements);
        boolean overflows = false;
        for (long i = tensor.begin; i < tensor.end; i++) {
            float value = values.get(i);
            overflows |= Float.isFinite(value) && !Float.isFinite(value * scale);
            tree.add(i, value, value);
        }
        tree.finish();
        if (overflows) {
            int block = (int) (tensor.begin / ReductionTree.BLOCK);
            tree.block(block, tree.block(block) + Double.POSITIVE_INFINITY);
        }
        return tree;
    }
}
