package org.panoptim.cli.train.autoencoder;

import org.panoptim.Backend;
import org.panoptim.Optimizer;
import org.panoptim.pytorch.TorchParameters;
import org.panoptim.rule.UpdateRule;

/** One of Panoptim's rules on PyTorch's tensors. */
final class FusedDescent implements Descent {

    private final TorchParameters parameters;
    private final Optimizer optimizer;

    FusedDescent(Autoencoder net, UpdateRule rule, Backend backend) {
        parameters = TorchParameters.of(net.module());
        optimizer =
                Optimizer.builder(rule)
                        .group("all", parameters.list())
                        .zeroGradients(true)
                        .backend(backend)
                        .build();
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
