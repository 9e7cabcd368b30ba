package org.panoptim.rule;

import java.util.Objects;

/**
 * A state that a rule keeps for each element of a parameter; it starts at zero.
 *
 * @param name the state's name in PyTorch, for example {@code "exp_avg"}
 */
public record Slot(String name) {

    /** Checks the name. */
    public Slot {
        Objects.requireNonNull(name, "name");
        if (!name.matches("[a-z][a-z0-9_]*")) {
            throw new IllegalArgumentException(
                    "a slot's name is lower case letters, digits and underscores, not '"
                            + name
                            + "'");
        }
    }
}
