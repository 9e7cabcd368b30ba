package org.panoptim.cuda.driver;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Loads a library of the system for the class loader that holds the bindings.
 *
 * <p>The bindings look a function up among the libraries that {@link System#load} gave their class
 * loader, which wants a path, while the system's loader goes by a name. So the library is opened by
 * name first and its path read off the process's memory map.
 */
final class SystemLibrary {

    private static final Path MAPS = Path.of("/proc/self/maps");

    private final boolean loaded;
    private final List<String> tried;

    private SystemLibrary(boolean loaded, List<String> tried) {
        this.loaded = loaded;
        this.tried = List.copyOf(tried);
    }

    /**
     * Loads the first of several libraries that is there.
     *
     * @param symbol one that it must have
     */
    static SystemLibrary load(String symbol, String... names) {
        var tried = new ArrayList<String>();
        for (var name : names) {
            var problem = load(name, symbol);
            tried.add(name + ": " + problem.orElse("loaded"));
            if (problem.isEmpty()) {
                return new SystemLibrary(true, tried);
            }
        }
        return new SystemLibrary(false, tried);
    }

    /** Whether one was loaded. */
    boolean loaded() {
        return loaded;
    }

    /** The names that were tried, and what came of each. */
    List<String> tried() {
        return tried;
    }

    private static Optional<String> load(String name, String symbol) {
        try {
            // The global arena, since a library that has run must not be unloaded.
            var address = SymbolLookup.libraryLookup(name, Arena.global()).find(symbol);
            if (address.isEmpty()) {
                return Optional.of("has no symbol " + symbol);
            }
            var file = fileAt(address.get().address());
            if (file.isEmpty()) {
                return Optional.of("is loaded, but " + MAPS + " does not name its file");
            }
            System.load(file.get());
            return Optional.empty();
        } catch (IllegalArgumentException e) {
            return Optional.of("not found by the system's loader");
        } catch (UnsatisfiedLinkError | IOException e) {
            return Optional.of("cannot be loaded: " + e.getMessage());
        }
    }

    /** The file that is mapped at an address. */
    private static Optional<String> fileAt(long address) throws IOException {
        // from-to rwxp offset major:minor inode path; taken apart by hand, since the first regular
        // expression of a process takes longer than the whole search.
        for (var line : Files.readAllLines(MAPS)) {
            int dash = line.indexOf('-');
            int space = line.indexOf(' ');
            int path = line.indexOf('/');
            if (path >= 0
                    && Long.compareUnsigned(unsigned(line, 0, dash), address) <= 0
                    && Long.compareUnsigned(address, unsigned(line, dash + 1, space)) < 0) {
                return Optional.of(line.substring(path));
            }
        }
        return Optional.empty();
    }

    private static long unsigned(String line, int begin, int end) {
        return Long.parseUnsignedLong(line, begin, end, 16);
    }
}
