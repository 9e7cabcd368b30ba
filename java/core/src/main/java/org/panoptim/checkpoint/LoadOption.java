package org.panoptim.checkpoint;

/** How strict {@link org.panoptim.Optimizer#load(java.nio.file.Path, LoadOption...)} is. */
public enum LoadOption {
    /**
     * Refuses a file without checksums. Without this option it is loaded with a warning of the
     * {@link System.Logger} {@code org.panoptim}: damage that leaves it well-formed goes unnoticed.
     */
    REQUIRE_CHECKSUMS
}
