package org.panoptim.bench.run;

import java.util.List;
import java.util.Map;

/**
 * The peers that can be measured here.
 *
 * @param descriptions names, and what they are
 * @param leftOut of the others, why not
 */
record Peers(Map<String, String> descriptions, List<String> leftOut) {

    /** None is asked for. */
    static Peers none() {
        return new Peers(Map.of(), List.of());
    }

    /** Looks for all. */
    static Peers find() {
        return none();
    }
}
