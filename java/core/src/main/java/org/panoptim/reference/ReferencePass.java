package org.panoptim.reference;

import org.panoptim.spi.PassStages;

/** The stages of a named pass in plain Java. */
record ReferencePass(PhasedUpdate update) implements PassStages {

    @Override
    public void prepare(int phase) {
        update.settle(phase);
    }

    @Override
    public void update(int phase) {
        update.run(phase);
    }
}
