package org.panoptim.simd;

import java.nio.file.Files;
import java.nio.file.Path;

/** Where the project's files are. */
final class Checkout {

    private Checkout() {}

    /** The root folder. */
    static Path root() {
        // Surefire tells the module's folder; an IDE starts in it or in the root.
        var start = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        for (var folder = start; folder != null; folder = folder.getParent()) {
            if (Files.exists(folder.resolve("native/include/panoptim.h"))) {
                return folder;
            }
        }
        throw new IllegalStateException(start + " is not in a checkout of the project");
    }
}
