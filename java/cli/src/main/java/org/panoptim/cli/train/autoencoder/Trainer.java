package org.panoptim.cli.train.autoencoder;

import org.bytedeco.pytorch.AdamOptions;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.pytorch.TorchParameters;
import org.panoptim.rule.UpdateRule;

/** Takes the steps of one optimizer on one net. */
interface Trainer extends AutoCloseable {

    /** Called before the net's loss is differentiated; gradients are zero, and stay so. */
    default void prepare() {}

    /** Updates the net from its gradients and sets them to zero. */
    void step();

    /** A remark on the steps, in a line; empty: none. */
    default String remark() {
        return "";
    }

    @Override
    void close();

    /** PyTorch's Adam, with its defaults but for the learning rate. */
    final class Engine implements Trainer {

        private final org.bytedeco.pytorch.Adam optimizer;

        Engine(Autoencoder net, double learningRate) {
            optimizer =
                    new org.bytedeco.pytorch.Adam(
                            net.module().parameters(), new AdamOptions(learningRate));
        }

        @Override
        public void step() {
            optimizer.step().close();
            optimizer.zero_grad();
        }

        @Override
        public void close() {
            optimizer.close();
        }
    }

    /** One of Panoptim's rules on PyTorch's tensors. */
    final class Fused implements Trainer {

        private final TorchParameters parameters;
        private final Optimizer optimizer;

        Fused(Autoencoder net, UpdateRule rule, Backend backend) {
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
}
