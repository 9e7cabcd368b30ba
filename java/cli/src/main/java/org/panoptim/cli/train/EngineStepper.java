package org.panoptim.cli.train;

import org.bytedeco.pytorch.AdamWOptions;
import org.panoptim.rule.AdamW;

/** PyTorch's own AdamW. */
final class EngineStepper implements Stepper {

    private final org.bytedeco.pytorch.AdamW optimizer;

    /**
     * PyTorch's optimizer for a net.
     *
     * @throws IllegalArgumentException if the rule differs from the defaults in more than the
     *     learning rate
     */
    EngineStepper(Classifier net, AdamW rule) {
        // The other settings stay as the engine has them. Its betas could not be set in a portable
        // way:
        // they are a C++ tuple, whose order in memory is the standard library's business.
        if (!rule.equals(AdamW.withLearningRate(rule.learningRate()))) {
            throw new IllegalArgumentException(
                    "PyTorch's AdamW runs with its defaults at any learning rate, but came "
                            + rule);
        }
        optimizer =
                new org.bytedeco.pytorch.AdamW(
                        net.module().parameters(), new AdamWOptions(rule.learningRate()));
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
