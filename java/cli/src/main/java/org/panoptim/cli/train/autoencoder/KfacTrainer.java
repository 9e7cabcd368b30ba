package org.panoptim.cli.train.autoencoder;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.cli.train.TeamMember;
import org.panoptim.cli.train.TeamMember.Leaf;
import org.panoptim.kfac.Batch;
import org.panoptim.kfac.Kfac;
import org.panoptim.kfac.RefreshReport;
import org.panoptim.parameter.Parameter;
import org.panoptim.pytorch.TorchMemory;
import org.panoptim.pytorch.TorchParameters;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Panoptim's K-FAC as the transform of gradient descent with Nesterov's momentum.
 *
 * <p>The factors are those of the true Fisher information: in every step the gradients at the
 * layers' outputs are taken once more, on targets sampled from the net's output. Gradients on the
 * data (the empirical Fisher information) would save that pass; tried at these settings, they ended
 * at a larger error and less steadily, since they vanish as the net learns, and with them the
 * curvature that they show. A quarter of the images is enough for the factors, another quarter in
 * each step, and the same four quarters again and again.
 *
 * <p>Damping, clip and decay were chosen by the squared error after 110 iterations from other
 * weights. Factors that forget quickly and inverses that are always new helped most.
 */
final class KfacTrainer implements Trainer {

    /** What applies the preconditioned gradients. */
    static final UpdateRule RULE = SGD.withLearningRate(.3).withMomentum(.9).withNesterov(true);

    private static final double DAMPING = 1e-3;
    private static final double KL_CLIP = 2e-2;
    private static final double FACTOR_DECAY = .8;
    private static final int FACTOR_PERIOD = 1;
    private static final int INVERSE_PERIOD = 1;

    /** One image of so many goes into the factors of a step. */
    private static final int IMAGE_PERIOD = 4;

    /** The settings, for a report. */
    static final Map<String, String> SETTINGS = new LinkedHashMap<>();

    static {
        SETTINGS.put("damping", String.valueOf(DAMPING));
        SETTINGS.put("kl_clip", String.valueOf(KL_CLIP));
        SETTINGS.put("factor_decay", String.valueOf(FACTOR_DECAY));
        SETTINGS.put("factor_period", String.valueOf(FACTOR_PERIOD));
        SETTINGS.put("inverse_period", String.valueOf(INVERSE_PERIOD));
        SETTINGS.put("fisher", "sampled targets, 1 image in " + IMAGE_PERIOD);
    }

    private final Autoencoder net;
    private final Optional<TeamMember> member;
    private final Tensor[] images = new Tensor[IMAGE_PERIOD];
    private final TorchParameters parameters;
    private final Kfac kfac;
    private final Optimizer optimizer;
    private long steps;
    private double largestError;
    private long fallbacks;

    /**
     * @param data all images; rows are taken from it
     * @param all how many steps it will take, for the schedule
     * @param factors where factors and inverses are computed
     * @param backend where the rule is computed
     * @param member whose team takes the steps together, if there is one
     * @throws org.panoptim.spi.UnsupportedPlanException if factors cannot be computed there
     */
    KfacTrainer(
            Autoencoder net,
            Tensor data,
            OptimizerSetup setup,
            long all,
            Backend factors,
            Backend backend,
            Optional<TeamMember> member) {
        this.net = net;
        this.member = member;
        for (int i = 0; i < images.length; i++) {
            var indices =
                    torch.arange(new Scalar(i), new Scalar(data.size(0)), new Scalar(IMAGE_PERIOD));
            images[i] = data.index_select(0, indices.to(torch.ScalarType.Long));
        }
        parameters = TorchParameters.of(net.module());
        try {
            kfac = kfac(factors);
        } catch (RuntimeException e) {
            parameters.close();
            throw e;
        }
        var builder = setup.optimizer(all, parameters.list()).transform(kfac).backend(backend);
        member.ifPresent(each -> builder.shards(each.team(), each.leaves()));
        optimizer = builder.build();
    }

    private Kfac kfac(Backend factors) {
        var byName =
                parameters.list().stream()
                        .collect(Collectors.toMap(Parameter::name, Function.identity()));
        var builder =
                Kfac.builder(factors)
                        .damping(DAMPING)
                        .klClip(KL_CLIP)
                        .factorDecay(FACTOR_DECAY)
                        .factorPeriod(FACTOR_PERIOD)
                        .inversePeriod(INVERSE_PERIOD);
        for (int i = 0; i < net.depth(); i++) {
            var name = Autoencoder.name(i);
            builder.layer(name, byName.get(name + ".weight"), byName.get(name + ".bias"));
        }
        return builder.build();
    }

    @Override
    public void prepare(int place) {
        if (!kfac.factorsDue()) {
            return;
        }
        var all = images[(int) (steps % IMAGE_PERIOD)];
        var leaf =
                member.map(each -> each.leavesOf(all.size(0)).get(place))
                        .orElseGet(() -> Leaf.ofWhole(all.size(0)));
        if (leaf.isEmpty()) {
            return;
        }
        try (var _ = new PointerScope()) {
            var pass = net.forward(all.narrow(0, leaf.from(), leaf.count()));
            var targets = torch.bernoulli(pass.logits().detach().sigmoid());
            // Of the layers' outputs only: no gradient of a parameter is computed.
            var gradients =
                    torch.grad(
                            new TensorVector(Autoencoder.loss(pass.logits(), targets)),
                            new TensorVector(pass.outputs().toArray(Tensor[]::new)),
                            new TensorVector(),
                            new BoolOptional(false),
                            false,
                            false);
            for (int i = 0; i < net.depth(); i++) {
                kfac.accumulate(
                        Autoencoder.name(i),
                        TorchMemory.of(pass.inputs().get(i).detach().contiguous()),
                        TorchMemory.of(gradients.get(i).contiguous()),
                        Batch.mean());
            }
        }
    }

    @Override
    public void accumulate() {
        optimizer.accumulate();
    }

    @Override
    public List<Parameter> parameters() {
        return parameters.list();
    }

    @Override
    public void step(Runnable differentiate) {
        optimizer.step();
        if (steps % INVERSE_PERIOD == 0) {
            kfac.report().ifPresent(this::note);
        }
        steps++;
    }

    private void note(RefreshReport report) {
        largestError = Math.max(largestError, report.largestError());
        fallbacks += report.fallbacks().size();
    }

    /** Of a team each member knows of its own layers. */
    @Override
    public String remark() {
        double error = Arrays.stream(ofAll(largestError)).max().orElseThrow();
        long count = (long) Arrays.stream(ofAll(fallbacks)).sum();
        return String.format(
                Locale.ROOT,
                "K-FAC's inverses: largest certified error %.1e, %s",
                error,
                count == 0 ? "no fallback" : count + " fallbacks");
    }

    private double[] ofAll(double own) {
        return member.map(each -> each.all(own)).orElseGet(() -> new double[] {own});
    }

    @Override
    public void close() {
        optimizer.close();
        kfac.close();
        parameters.close();
    }
}
