package org.panoptim.spi;

import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;

import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * What companions lend to the step of the rules that they go with: memory of their own states, on
 * the backend that the step runs on.
 *
 * @param updates where a parameter's rule finds zeros in the place of the parameter, and leaves
 *     what it makes of them: the update, as float32, of the elements that are stepped here.
 *     Parameters and outputs are then the companion's to write.
 * @param rates where a factor of a group's learning rate is, one float64, by the group's name
 */
public record Lent(
        Optional<Function<Parameter, Memory>> updates, Optional<Function<String, Memory>> rates) {

    private static final Lent NOTHING = new Lent(Optional.empty(), Optional.empty());

    /** Checks that nothing is absent. */
    public Lent {
        Objects.requireNonNull(updates, "updates");
        Objects.requireNonNull(rates, "rates");
    }

    /** Nothing is lent. */
    public static Lent nothing() {
        return NOTHING;
    }

    /** Of this, what other companions have a use for. */
    public Lent ofRates() {
        return new Lent(Optional.empty(), rates);
    }

    /** Whether nothing is lent. */
    public boolean isNothing() {
        return updates.isEmpty() && rates.isEmpty();
    }
}
