package org.panoptim.simd;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendUnavailableException;

/**
 * Prints in a separate process how the backend's search for the library and for a tier ended; what
 * is loaded stays loaded, so every search needs a fresh process.
 */
final class Probe {

    static final String AVAILABLE = "available: ";
    static final String SUMMARY = "summary: ";
    static final String TRIED = "tried: ";
    static final String BEST = "best: ";
    static final String OPENED = "opened: ";

    private Probe() {}

    /** Prints one line for each thing found out. */
    public static void main(String[] arguments) {
        var status = new SimdProvider().probe();
        System.out.println(AVAILABLE + status.available());
        System.out.println(SUMMARY + status.summary());
        status.tried().forEach(line -> System.out.println(TRIED + line));
        try (var best = Backend.best()) {
            System.out.println(BEST + best.name());
        }
        try (var backend = Backend.named("simd")) {
            System.out.println(OPENED + backend.description());
        } catch (BackendUnavailableException e) {
            System.out.println(OPENED + e.getMessage());
        }
    }
}
