package org.panoptim.rule;

import org.panoptim.matrix.MatrixSize;
import org.panoptim.tensor.Shape;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Muon: the momentum of a matrix, with its singular values brought near 1 by Newton–Schulz
 * iterations (Jordan et al., 2024).
 *
 * <p>Source: PyTorch, {@code torch.optim.Muon}. With B the average of gradients, B ← μB + (1 − μ)G
 * and U = μB + (1 − μ)G, or without Nesterov's step U = B. X begins as U / max(‖U‖, ε), and each
 * iteration makes aX + (bA + cA²)X of it, with A = XXᵀ, or of a matrix with more rows than columns
 * aX + X(bA + cA²), with A = XᵀX. Then θ ← θ − η·λ·θ − η·s·X, where s = √max(1, rows/columns), or
 * 0.2·√max(rows, columns) if the step is to be as long as AdamW's usual one.
 *
 * <p>The difference to PyTorch: it computes X in bfloat16, from the norm on; here X is float32, and
 * the norm is summed in double. Steps differ by some 2 to 4 % of their length. That is as good as
 * any other: with the usual coefficients singular values do not converge to 1 anyway, but end
 * between 0.68 and 1.21, or below if they were less than two thousandths of the norm.
 *
 * <p>It takes parameters of two dimensions or more, as matrices that {@link MatrixSize#of}
 * describes: PyTorch takes exactly two, and filters of convolutions as rows are what Jordan's
 * program has. All others need a group with another rule, for example {@link AdamW}, and so do
 * usually embeddings and the output layer, although these are matrices.
 *
 * <p>Norms up to float32's largest numbers and down to ε are divided by without a loss; a gradient
 * whose norm is below ε makes a smaller step, and one of zeros makes none but the weight decay's.
 *
 * @param learningRate η, at least 0; 1e-3 by default
 * @param weightDecay λ, decoupled, at least 0; 0.1 by default
 * @param momentum μ in [0, 1); 0.95 by default
 * @param nesterov whether the step looks ahead; true by default
 * @param nsA a, the coefficient of X; 3.4445 by default. These three are PyTorch's {@code
 *     ns_coefficients}
 * @param nsB b, the coefficient of AX; −4.775 by default
 * @param nsC c, the coefficient of A²X; 2.0315 by default
 * @param epsilon ε, the least norm to divide by, above 0; 1e-7 by default
 * @param nsSteps how many iterations there are, from 1 to 99; 5 by default. In a refused step they
 *     are done too
 * @param matchRmsAdamw whether s is 0.2·√max(rows, columns), PyTorch's {@code adjust_lr_fn} of
 *     {@code "match_rms_adamw"}, with which AdamW's learning rate and weight decay can be kept
 */
public record Muon(
        double learningRate,
        double weightDecay,
        double momentum,
        boolean nesterov,
        double nsA,
        double nsB,
        double nsC,
        double epsilon,
        long nsSteps,
        boolean matchRmsAdamw)
        implements MatrixRule {

    private static final int MOMENTUM_BUFFER = 0;
    private static final int DIRECTION = 1;

    private static final int GRAM = 0;
    private static final int POLYNOMIAL = 1;
    private static final int NEXT = 2;

    /** The phase in which the direction is divided by its norm; linear algebra follows. */
    private static final int NORMALISING = 1;

    /** Norms beyond these have inverses that float's normal numbers do not reach. */
    private static final double LARGE = 0x1p100;

    private static final RuleDescriptor<Muon> DESCRIPTOR =
            RuleDescriptor.of(Muon.class, "PyTorch, torch.optim.Muon")
                    .learningRate(1e-3, Muon::learningRate)
                    .weightDecay(0.1, Muon::weightDecay)
                    .decay("momentum", 0.95, Muon::momentum)
                    .flag("nesterov", true, Muon::nesterov)
                    .number("ns_a", RuleSetting.Range.FINITE, 3.4445, Muon::nsA)
                    .number("ns_b", RuleSetting.Range.FINITE, -4.775, Muon::nsB)
                    .number("ns_c", RuleSetting.Range.FINITE, 2.0315, Muon::nsC)
                    .positiveEpsilon(1e-7, Muon::epsilon)
                    .iterations("ns_steps", 5, Muon::nsSteps)
                    .flag("match_rms_adamw", Muon::matchRmsAdamw)
                    .build(
                            v ->
                                    new Muon(
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.flag(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.number(),
                                            v.count(),
                                            v.flag()));

    /** Checks the hyper-parameters. */
    public Muon {
        DESCRIPTOR.check(
                learningRate,
                weightDecay,
                momentum,
                nesterov,
                nsA,
                nsB,
                nsC,
                epsilon,
                nsSteps,
                matchRmsAdamw);
    }

    /** The rule with PyTorch's defaults. */
    public static Muon defaults() {
        return DESCRIPTOR.defaults();
    }

    /** The rule with PyTorch's defaults and this learning rate. */
    public static Muon withLearningRate(double learningRate) {
        return defaults().atLearningRate(learningRate);
    }

    @Override
    public Muon atLearningRate(double value) {
        return DESCRIPTOR.with(this, "lr", value);
    }

    /** This rule with another weight decay. */
    public Muon withWeightDecay(double value) {
        return DESCRIPTOR.with(this, "weight_decay", value);
    }

    /** This rule with another momentum. */
    public Muon withMomentum(double value) {
        return DESCRIPTOR.with(this, "momentum", value);
    }

    /** This rule with or without Nesterov's step. */
    public Muon withNesterov(boolean value) {
        return DESCRIPTOR.with(this, "nesterov", value);
    }

    /** This rule with as many iterations. */
    public Muon withSteps(long value) {
        return DESCRIPTOR.with(this, "ns_steps", value);
    }

    /** This rule with steps as long as AdamW's usual ones, or not. */
    public Muon withMatchRmsAdamw(boolean value) {
        return DESCRIPTOR.with(this, "match_rms_adamw", value);
    }

    @Override
    public RuleDescriptor<Muon> descriptor() {
        return DESCRIPTOR;
    }

    @Override
    public OptionalDouble decoupledDecay() {
        return OptionalDouble.of(weightDecay);
    }

    @Override
    public String name() {
        return "muon";
    }

    @Override
    public Optional<String> refusal(Shape parameter) {
        return parameter.dimensions().size() > 1
                ? Optional.empty()
                : Optional.of("it takes parameters of two dimensions or more");
    }

    @Override
    public List<Slot> slots() {
        return List.of(new Slot("momentum_buffer"), new Slot("direction").forOneStep());
    }

    /** The first advances the momentum, the next divides by the norm. */
    @Override
    public int phases() {
        return 3;
    }

    @Override
    public List<Reduction> reductions() {
        return List.of(new Reduction("square", Reduction.Scope.TENSOR));
    }

    @Override
    public List<MatrixSize> scratch(Shape parameter) {
        var size = MatrixSize.of(parameter);
        int side = Math.min(size.rows(), size.columns());
        var square = new MatrixSize(side, side);
        return List.of(square, square, size);
    }

    /** What the learning rate is multiplied by for a shape. */
    private double scale(Shape parameter) {
        var size = MatrixSize.of(parameter);
        double rows = size.rows();
        double columns = size.columns();
        return matchRmsAdamw
                ? 0.2 * Math.sqrt(Math.max(rows, columns))
                : Math.sqrt(Math.max(1, rows / columns));
    }

    @Override
    public Optional<String> explain(String setting, Preparation next) {
        var shape = next.shape();
        if (!setting.equals("match_rms_adamw")) {
            return Optional.empty();
        }
        return Optional.of(
                Sentence.of(
                        "For the update, not for the weight decay, the learning rate is multiplied"
                                + " by %s, %s of a matrix of %s.",
                        scale(shape),
                        matchRmsAdamw ? "0.2·√max(rows, columns)" : "√max(1, rows/columns)",
                        MatrixSize.of(shape)));
    }

    @Override
    public void between(int phase, MatrixWork work) {
        if (phase != NORMALISING) {
            return;
        }
        var engine = work.engine();
        var direction = work.slot(DIRECTION);
        var gram = work.scratch(GRAM);
        var polynomial = work.scratch(POLYNOMIAL);
        var next = work.scratch(NEXT);
        boolean wide = direction.size().rows() <= direction.size().columns();
        // X and what becomes of it take turns in two batches, so that the last lies where the next
        // phase looks for it: of an odd number of iterations the first goes from the copy back.
        var from = direction;
        var to = next;
        for (long step = 1; step <= nsSteps; step++) {
            engine.rankUpdate(1, from, !wide, 0, gram);
            engine.copy(gram, polynomial);
            engine.multiply((float) nsC, gram, false, gram, false, (float) nsB, polynomial);
            engine.copy(from, to);
            if (step == 1 && nsSteps % 2 == 1) {
                from = next;
                to = direction;
            }
            // The shape's factor comes in with the last product, for nothing.
            double factor = step == nsSteps ? scale(work.shape()) : 1;
            float alpha = (float) factor;
            float beta = (float) (factor * nsA);
            if (wide) {
                engine.multiply(alpha, polynomial, false, from, false, beta, to);
            } else {
                engine.multiply(alpha, from, false, polynomial, false, beta, to);
            }
            var last = from;
            from = to;
            to = last;
        }
    }

    @Override
    public ElementUpdate prepare(int phase, Preparation preparation) {
        if (phase == 0) {
            double decay = preparation.momentum(momentum);
            return new Average((float) decay, (float) (1 - decay), nesterov);
        }
        if (phase == NORMALISING) {
            double norm = Math.sqrt(preparation.reduction(0));
            double divisor = norm > epsilon ? norm : epsilon;
            double power = divisor > LARGE ? 1 / LARGE : divisor < 1 / LARGE ? LARGE : 1;
            return new Normalisation((float) power, (float) (1 / (divisor * power)));
        }
        double rate = preparation.rate(learningRate);
        return new Descent((float) (rate * weightDecay), (float) rate);
    }

    private record Average(float momentum, float keep, boolean nesterov) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float share = keep * element.gradient();
            float mean = momentum * element.state(MOMENTUM_BUFFER) + share;
            float direction = nesterov ? momentum * mean + share : mean;
            element.state(MOMENTUM_BUFFER, mean);
            element.state(DIRECTION, direction);
            element.reduce(0, direction, direction);
        }
    }

    /** Two factors, since the inverse of a very large or small norm is no normal float. */
    private record Normalisation(float powerOfTwo, float inverseNorm) implements ElementUpdate {

        @Override
        public void update(Element element) {
            element.state(DIRECTION, (element.state(DIRECTION) * powerOfTwo) * inverseNorm);
        }
    }

    private record Descent(float decay, float step) implements ElementUpdate {

        @Override
        public void update(Element element) {
            float p = element.parameter();
            element.parameter(p - (decay * p + step * element.state(DIRECTION)));
        }
    }
}
