package org.panoptim.kfac.engine;

/** Refusals of contributions that come when all micro-batches of a team's member have ended. */
final class LateContributions {

    private LateContributions() {}

    /** There were others with the micro-batches. */
    static IllegalStateException again(String layer) {
        return new IllegalStateException(
                "layer '%s': contributions to the coming step came already, with all its micro-batches; they come once for each step, before accumulate or the end of backward takes one up"
                        .formatted(layer));
    }

    /** There were none. */
    static IllegalStateException late(String layer) {
        return new IllegalStateException(
                "layer '%s': contributions came after the micro-batches of the step had ended; they come before accumulate or the end of backward takes one up"
                        .formatted(layer));
    }
}
