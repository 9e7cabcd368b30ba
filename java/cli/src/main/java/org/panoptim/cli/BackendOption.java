package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.backend.Backends;

import picocli.CommandLine.Option;

/** The option that names a backend. */
final class BackendOption {

    @Option(
            names = "--backend",
            paramLabel = "NAME",
            description = "Compute on this backend; the fastest that works here if left out.")
    private String name = "";

    /** Whether a backend was named. */
    boolean isGiven() {
        return !name.isEmpty();
    }

    /** Opens the backend, which the caller closes. */
    Backend open() {
        return isGiven() ? open(name) : Backend.best();
    }

    /** As {@link #open()}; the fastest of those that work on memory of the host if left out. */
    Backend openForHostMemory() {
        return isGiven() ? open(name) : Backends.bestForHostMemory();
    }

    /**
     * Opens the backend of that name.
     *
     * @throws InputException if there is none or it does not work here
     */
    static Backend open(String name) {
        try {
            return Backend.named(name);
        } catch (IllegalArgumentException | BackendUnavailableException e) {
            throw new InputException("--backend: " + e.getMessage(), e);
        }
    }
}
