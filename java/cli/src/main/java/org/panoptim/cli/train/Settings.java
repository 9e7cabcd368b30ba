package org.panoptim.cli.train;

import java.util.List;

/**
 * What is trained.
 *
 * @param contenders the optimizers, in order
 * @param epochs how often each sees all training examples, at least 1
 * @param batch examples a step, at least 1
 * @param seed the initial weights and the batches follow from it, alike for every optimizer
 */
public record Settings(List<Contender> contenders, int epochs, int batch, long seed) {

    /** Checks the components and copies the list. */
    public Settings {
        contenders = List.copyOf(contenders);
        if (contenders.isEmpty() || epochs < 1 || batch < 1) {
            throw new IllegalArgumentException(
                    "there must be an optimizer, an epoch and an example a step at least");
        }
    }
}
