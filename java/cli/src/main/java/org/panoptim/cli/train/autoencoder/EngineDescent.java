package org.panoptim.cli.train.autoencoder;

import org.bytedeco.pytorch.AdamOptions;

/** PyTorch's own Adam, with its defaults but for the learning rate. */
final class EngineDescent implements Descent {

    private final org.bytedeco.pytorch.Adam optimizer;

    EngineDescent(Autoencoder net, double learningRate) {
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
