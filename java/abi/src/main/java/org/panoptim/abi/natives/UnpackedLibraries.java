package org.panoptim.abi.natives;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Libraries in a folder that nobody else can write to, each with the content that its jar has.
 *
 * <p>To be closed once they are loaded, since files in a temporary folder are then deleted; a
 * library that is loaded does not need its file any more.
 */
public final class UnpackedLibraries implements AutoCloseable {

    private final Path folder;
    private final List<PackedLibrary> libraries;
    private final boolean temporary;
    private final List<String> passedOver;

    UnpackedLibraries(
            Path folder,
            List<PackedLibrary> libraries,
            boolean temporary,
            List<String> passedOver) {
        this.folder = folder;
        this.libraries = List.copyOf(libraries);
        this.temporary = temporary;
        this.passedOver = List.copyOf(passedOver);
    }

    /** The folder, without symbolic links in its path. */
    public Path folder() {
        return folder;
    }

    /** The file of that name. */
    public Path file(String name) {
        return folder.resolve(name);
    }

    /** Whether the files are this process's alone, and deleted by {@link #close()}. */
    public boolean isTemporary() {
        return temporary;
    }

    /** The folders that were preferred and could not be used, and why; a line each. */
    public List<String> passedOver() {
        return passedOver;
    }

    /** Deletes what is temporary; what cannot be deleted stays. */
    @Override
    public void close() {
        if (temporary) {
            for (var library : libraries) {
                delete(folder.resolve(library.name()));
                delete(folder.resolve(library.name() + PackedLibrary.COMPARED));
            }
            delete(folder);
        }
    }

    private static void delete(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException _) {
            // It is only in the way of nobody.
        }
    }
}
