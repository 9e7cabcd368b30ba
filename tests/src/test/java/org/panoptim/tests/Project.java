package org.panoptim.tests;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/** Where the project's files are. */
public final class Project {

    private Project() {}

    /** The root folder. */
    public static Path root() {
        // Surefire tells the module's folder; an IDE starts in it or in the root.
        var start = Path.of(System.getProperty("basedir", "")).toAbsolutePath();
        for (var folder = start; folder != null; folder = folder.getParent()) {
            if (Files.exists(folder.resolve("native/include/panoptim.h"))) {
                return folder;
            }
        }
        throw new IllegalStateException(start + " is not in a checkout of the project");
    }

    /**
     * Files by their paths from the root, without what builds leave and what is hidden.
     *
     * @param end what their names end with
     */
    static List<String> files(String end) throws IOException {
        var root = root();
        var found = new ArrayList<String>();
        Files.walkFileTree(
                root,
                new SimpleFileVisitor<>() {
                    @Override
                    public FileVisitResult preVisitDirectory(
                            Path folder, BasicFileAttributes attributes) {
                        var name = folder.getFileName().toString();
                        boolean isOwn = !name.equals("target") && !name.startsWith(".");
                        return isOwn || folder.equals(root)
                                ? FileVisitResult.CONTINUE
                                : FileVisitResult.SKIP_SUBTREE;
                    }

                    @Override
                    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                        if (file.toString().endsWith(end)) {
                            found.add(root.relativize(file).toString());
                        }
                        return FileVisitResult.CONTINUE;
                    }
                });
        found.sort(null);
        return found;
    }
}
