package org.panoptim.tests.equivalence;

import org.panoptim.Backend;

import java.util.function.Supplier;

/**
 * A way to run steps that must give the reference's bits.
 *
 * @param name what a failing test calls it
 * @param opener opens the backend; whoever calls it closes it
 */
record Contender(String name, Supplier<Backend> opener) {

    Backend open() {
        return opener.get();
    }

    @Override
    public String toString() {
        return name;
    }
}
