package org.panoptim.rule;

import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;

/**
 * Adafactor: the second moment of a matrix as the product of a row and a column, whose memory grows
 * with the sides of the matrix instead of its area (Shazeer &amp; Stern, 2018).
 *
 * <p>Source: PyTorch, {@code torch.optim.Adafactor}, which differs from the paper in the learning
 * rate and in ε₁; {@code eps1} and {@code eps2} are the pair {@code eps} there. With t the
 * parameter's step and w = t^τ, a parameter of two dimensions or more averages the means of g² over
 * each row and each column of its last two dimensions, R ← R + w·(mean − R) and C alike, and
 * estimates V = R·C / max(mean of R, ε₁). Any other averages g² itself. Then u = g / √max(V, ε₁²),
 * and θ ← θ − η·λ·θ − α·u / max(1, RMS(u)/d), where α = max(ε₂, RMS(θ))·min(η, 1/√t). PyTorch takes
 * ε₁ from the parameter's type, ours is float32's machine epsilon for all.
 *
 * @param learningRate η, the largest relative step, at least 0; 0.01 by default
 * @param beta2Decay τ, at most 0: how fast averages come to last longer; −0.8 by default
 * @param eps1 ε₁, the least root of V, at least 0; 2⁻²³ by default
 * @param eps2 ε₂, the least scale of a parameter, at least 0; 1e-3 by default
 * @param d the largest root mean square of u that is not scaled down, at least 1; 1 by default
 * @param weightDecay λ, at least 0; 0 by default
 * @param maximize whether to climb
 */
public record Adafactor(
        double learningRate,
        double beta2Decay,
        double eps1,
        double eps2,
        double d,
        double weightDecay,
        boolean maximize)
        implements LineRule {

    // Of matrices.
    private static final int ROW_VAR = 0;
    private static final int ROW_FACTOR = 1;
    private static final int COL_VAR = 2;
    private static final int WEIGHT = 3;

    // Of others.
    private static final int VARIANCE = 0;

    private static final List<Slot> OF_MATRICES =
            List.of(
                    new Slot("row_var", Slot.Extent.ROW),
                    new Slot("row_factor", Slot.Extent.ROW).forOneStep(),
                    new Slot("col_var", Slot.Extent.COLUMN),
                    new Slot("weight", Slot.Extent.TENSOR).forOneStep());

    private static final int UPDATE_SQUARES = 0;
    private static final int VALUE_SQUARES = 1;
    private static final int ROW_SQUARES = 2;
    private static final int COLUMN_SQUARES = 3;

    private static final List<Reduction> SUMS =
            List.of(
                    new Reduction("update", Reduction.Scope.TENSOR, 1),
                    new Reduction("value", Reduction.Scope.TENSOR, 1));

    private static final List<Reduction> SUMS_OF_MATRICES =
            List.of(
                    SUMS.get(UPDATE_SQUARES),
                    SUMS.get(VALUE_SQUARES),
                    new Reduction("rows", Reduction.Scope.ROW, 0),
                    new Reduction("columns", Reduction.Scope.COLUMN, 0));

    private static final RuleDescriptor<Adafactor> DESCRIPTOR =
            RuleDescriptor.of(Adafactor.class, "PyTorch, torch.optim.Adafactor")
                    .learningRate(0.01, Adafactor::learningRate)
                    .number(
                            "beta2_decay",
                            RuleSetting.Range.NON_POSITIVE,
                            -0.8,
                            Adafactor::beta2Decay)
                    .number("eps1", RuleSetting.Range.NON_NEGATIVE, 0x1p-23, Adafactor::eps1)
                    .number("eps2", RuleSetting.Range.NON_NEGATIVE, 1e-3, Adafactor::eps2)
                    .number("d", RuleSetting.Range.GROWTH, 1, Adafactor::d)
                    .weightDecay(0, Adafactor::weightDecay)
                    .flag("maximize", Adafactor::maximize)
                    .build(
                            v ->
                                    new Adafactor(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Adafactor {
        DESCRIPTOR.check(learningRate, beta2Decay, eps1, eps2, d, weightDecay, maximize);
    }

    /** The rule with PyTorch's defaults. */
    public static Adafactor defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Adafactor withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Adafactor atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    @Override
    public RuleDescriptor<Adafactor> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public String name() {
        return "adafactor";
    }

    @Override
    public boolean takesMomentum() {
        return false;
    }

    private static boolean isMatrix(Shape parameter) {
        return parameter.dimensions().size() > 1;
    }

    /** That of a parameter without dimensions. */
    @Override
    public String kernelName() {
        return kernelName(Shape.of());
    }

    @Override
    public String kernelName(Shape parameter) {
        return isMatrix(parameter) ? "adafactor" : "adafactor_vector";
    }

    /** Those of a parameter without dimensions. */
    @Override
    public List<Slot> slots() {
        return slots(Shape.of());
    }

    @Override
    public List<Slot> slots(Shape parameter) {
        return isMatrix(parameter) ? OF_MATRICES : List.of(new Slot("variance"));
    }

    /** In the first the second moments are measured, in the next the update is. */
    @Override
    public int phases() {
        return 3;
    }

    /** Those of a parameter without dimensions. */
    @Override
    public List<Reduction> reductions() {
        return reductions(Shape.of());
    }

    @Override
    public List<Reduction> reductions(Shape parameter) {
        return isMatrix(parameter) ? SUMS_OF_MATRICES : SUMS;
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        double rate = next.rate(learningRate);
        double relative = 1 / Math.sqrt(next.count());
        return setting.equals("lr")
                ? Optional.of(
                        Sentence.of(
                                "The relative learning rate is %s, the lesser of %s (%s of the"
                                    + " rule, times %s of the schedule) and 1/√%d = %s. It is"
                                    + " multiplied by the root mean square of the values, or %s if"
                                    + " that is larger, and the update's is held to %s.",
                                relative < rate ? relative : rate,
                                rate,
                                learningRate,
                                next.rate(1),
                                next.count(),
                                relative,
                                eps2,
                                d))
                : Optional.empty();
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        boolean matrix = isMatrix(preparation.shape());
        double weight = StrictMath.pow(preparation.count(), beta2Decay);
        if (phase == 0) {
            return matrix ? Adafactor::measure : new Moment((float) weight);
        }
        if (phase == 1 && matrix) {
            preparation.state(WEIGHT, weight);
        }
        var estimate = new Estimate(matrix, (float) (eps1 * eps1));
        return phase == 1 ? estimate::measure : descent(preparation, estimate);
    }

    /** Comparisons are Python's, in which NaN is neither the larger nor the lesser of two. */
    private Descent descent(Preparation preparation, Estimate estimate) {
        double root = Math.sqrt(preparation.shape().elements());
        double rate = preparation.rate(learningRate);
        double relative = 1 / Math.sqrt(preparation.count());
        double scale = Math.sqrt(preparation.reduction(VALUE_SQUARES)) / root;
        double size = Math.sqrt(preparation.reduction(UPDATE_SQUARES)) / (root * d);
        double length = (scale > eps2 ? scale : eps2) * (relative < rate ? relative : rate);
        return new Descent(
                estimate,
                (float) (rate * weightDecay),
                (float) (size > 1 ? length / size : length));
    }

    @Override
    public boolean takesTotals() {
        return true;
    }

    @Override
    public double advanceRow(int phase, Preparation preparation, Line row) {
        double mean = row.sum(ROW_SQUARES) / row.elements();
        row.state(ROW_VAR, (float) between(row.state(ROW_VAR), mean, preparation.state(WEIGHT)));
        return row.state(ROW_VAR);
    }

    @Override
    public void advanceColumn(int phase, Preparation preparation, Line column) {
        double mean = column.sum(COLUMN_SQUARES) / column.elements();
        column.state(
                COL_VAR, (float) between(column.state(COL_VAR), mean, preparation.state(WEIGHT)));
    }

    @Override
    public void finishRow(int phase, Preparation preparation, Line row, double total) {
        double mean = total / row.lines();
        row.state(ROW_FACTOR, (float) (row.state(ROW_VAR) / Arithmetic.max(mean, eps1)));
    }

    /** From the nearer end, as {@code torch.lerp} has it. */
    private static double between(double start, double end, double weight) {
        double distance = end - start;
        return weight < 0.5 ? start + weight * distance : end - distance * (1 - weight);
    }

    private static float between(float start, float end, float weight) {
        float distance = end - start;
        return weight < 0.5f ? start + weight * distance : end - distance * (1 - weight);
    }

    private static void measure(Element element) {
        element.reduce(ROW_SQUARES, element.gradient(), element.gradient());
        element.reduce(COLUMN_SQUARES, element.gradient(), element.gradient());
    }

    private record Moment(float weight) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float g = element.gradient();
            element.state(VARIANCE, between(element.state(VARIANCE), g * g, weight));
        }
    }

    private record Estimate(boolean matrix, float least) {

        /** The update, before it is scaled. */
        float of(Element element) {
            float variance =
                    matrix
                            ? element.state(ROW_FACTOR) * element.state(COL_VAR)
                            : element.state(VARIANCE);
            return element.gradient() / Arithmetic.sqrt(Arithmetic.max(variance, least));
        }

        void measure(Element element) {
            float u = of(element);
            element.reduce(UPDATE_SQUARES, u, u);
            element.reduce(VALUE_SQUARES, element.parameter(), element.parameter());
        }
    }

    private record Descent(Estimate estimate, float decay, float step) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            element.parameter(p - (decay * p + step * estimate.of(element)));
        }
    }
}
