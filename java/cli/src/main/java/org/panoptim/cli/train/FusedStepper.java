package org.panoptim.cli.train;

import org.panoptim.Backend;
import org.panoptim.Optimizer;
import org.panoptim.pytorch.TorchParameters;
import org.panoptim.rule.UpdateRule;

/** One of Panoptim's optimizers on PyTorch's tensors. */
final class FusedStepper implements Stepper {

    /** How many steps one estimate of the curvature serves. */
    private static final int CURVATURE_INTERVAL = 10;

    private final Classifier net;
    private final TorchParameters parameters;
    private final Optimizer optimizer;
    private final Curvature curvature;

    FusedStepper(Classifier net, UpdateRule rule, Backend backend) {
        this.net = net;
        this.curvature = Curvature.of(rule);
        this.parameters = TorchParameters.of(net.module());
        this.optimizer =
                Optimizer.builder(rule)
                        .group("all", parameters.list())
                        .zeroGradients(true)
                        .backend(backend)
                        .build();
    }

    Optimizer optimizer() {
        return optimizer;
    }

    @Override
    public void prepare(long step, Batch batch) {
        if (curvature != Curvature.NONE && (step - 1) % CURVATURE_INTERVAL == 0) {
            curvature.estimate(net, batch);
            parameters.takeGradientsAsCurvature();
        }
    }

    @Override
    public void step() {
        optimizer.step();
    }

    @Override
    public void close() {
        optimizer.close();
        parameters.close();
    }
}
