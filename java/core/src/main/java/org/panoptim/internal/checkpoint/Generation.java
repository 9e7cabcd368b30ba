package org.panoptim.internal.checkpoint;

import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;

/**
 * One saving of a team's states. Its files have names that no other saving has, so that those of
 * the one before stay as they are until the index names the new ones.
 *
 * @param id the step, and a random number
 * @param members how many files there are, each of a member
 */
record Generation(String id, int members) {

    private static final Pattern ID = Pattern.compile("[0-9]{1,19}-[0-9a-f]{16}");

    private static final Pattern FILE =
            Pattern.compile("(%s)-[0-9]{1,9}-of-[0-9]{1,9}\\.safetensors".formatted(ID));

    Generation {
        if (!ID.matcher(id).matches()) {
            throw new IllegalArgumentException("expected a step and a number, got '" + id + "'");
        }
        if (members < 1) {
            throw new IllegalArgumentException("expected at least one member, got " + members);
        }
    }

    /** Another one than all before it. */
    static String newId(long step) {
        return "%d-%016x".formatted(step, ThreadLocalRandom.current().nextLong());
    }

    /** What a member's file is called. */
    String file(int rank) {
        return "%s-%d-of-%d.safetensors".formatted(id, rank, members);
    }

    /**
     * Deletes the files of all other savings in a folder, which were replaced or never completed;
     * what cannot be deleted stays.
     *
     * @param kept the saving whose files stay, if any does
     */
    static void deleteOthers(Path folder, Optional<Generation> kept) {
        try (var files = Files.newDirectoryStream(folder)) {
            for (var file : files) {
                var name = FILE.matcher(String.valueOf(file.getFileName()));
                if (name.matches() && kept.stream().noneMatch(g -> g.id.equals(name.group(1)))) {
                    deleteQuietly(file);
                }
            }
        } catch (IOException | DirectoryIteratorException _) {
            // What is left takes room, and does no harm.
        }
    }

    /** Deletes a file if that is possible. */
    static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException _) {
            // The next saving tries again.
        }
    }
}
