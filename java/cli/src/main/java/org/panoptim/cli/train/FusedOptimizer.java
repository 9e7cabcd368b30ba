package org.panoptim.cli.train;

import org.bytedeco.pytorch.Module;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.pytorch.TorchParameters;
import org.panoptim.rule.SAM;
import org.panoptim.testkit.EvaluationPoint;

import java.util.Optional;

/** One of Panoptim's optimizers on PyTorch's tensors. */
public final class FusedOptimizer implements AutoCloseable {

    private final OptimizerSetup setup;
    private final TorchParameters parameters;
    private final Optimizer optimizer;

    /**
     * An optimizer of a net's parameters; the backend stays the caller's.
     *
     * @param steps how many it will take, for the schedule
     * @param statisticsEvery every how many of them statistics are taken
     * @param member whose team takes the steps together, if there is one
     */
    public FusedOptimizer(
            Module net,
            OptimizerSetup setup,
            long steps,
            int statisticsEvery,
            Backend backend,
            Optional<TeamMember> member) {
        this.setup = setup;
        this.parameters = TorchParameters.of(net);
        var builder =
                setup.optimizer(steps, parameters.list())
                        .statisticsEvery(statisticsEvery)
                        .backend(backend);
        member.ifPresent(each -> builder.shards(each.team(), each.leaves()));
        this.optimizer = builder.build();
    }

    /** The optimizer itself. */
    public Optimizer optimizer() {
        return optimizer;
    }

    /** The net's parameters. */
    public TorchParameters parameters() {
        return parameters;
    }

    /**
     * Updates the net from its gradients and sets them to zero.
     *
     * @param differentiate adds to the gradients once more, those at the point that SAM has moved
     *     the net to
     */
    public void step(Runnable differentiate) {
        if (setup.sam().isPresent()) {
            optimizer.run(SAM.PERTURB);
            try {
                optimizer.zeroGrad();
                differentiate.run();
            } finally {
                optimizer.run(SAM.RESTORE);
            }
        }
        optimizer.step();
    }

    /** Does something while the net is where its rule wants it evaluated. */
    public void evaluate(Runnable evaluation) {
        EvaluationPoint.visit(optimizer, setup.rule(), evaluation);
    }

    @Override
    public void close() {
        optimizer.close();
        parameters.close();
    }
}
