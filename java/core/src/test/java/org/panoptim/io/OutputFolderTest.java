package org.panoptim.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

class OutputFolderTest {

    @TempDir private Path folder;

    @Test
    void aFolderIsMadeOnce() throws IOException {
        var made = folder.resolve("made");
        OutputFolder.create(made);
        assertThat(made).isEmptyDirectory();
        Files.writeString(made.resolve("file"), "text");
        OutputFolder.create(made);
        assertThat(made.resolve("file")).hasContent("text");
    }

    @Test
    void aFileIsNoFolder() throws IOException {
        var file = Files.writeString(folder.resolve("file"), "text");
        assertThatThrownBy(() -> OutputFolder.create(file))
                .isInstanceOf(FileSystemException.class)
                .hasMessage(file + ": expected a folder, got something else");
        assertThat(file).hasContent("text");
    }

    @Test
    void theFolderAroundItMustBeThere() {
        assertThatThrownBy(() -> OutputFolder.create(folder.resolve("none/made")))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessage(
                        "%s: the folder cannot be made; there is no folder %s",
                        folder.resolve("none/made"), folder.resolve("none"));
    }

    @Test
    void whatKilledProcessesLeftIsDeletedAndNothingElse() throws IOException {
        var abandoned =
                ".panoptim-%s-1-1-%s.tmp".formatted("0".repeat(8) + "-0000-0000", "0".repeat(16));
        var others = List.of("panoptim-1.tmp", ".panoptim-1", "file.tmp", "file");
        Files.writeString(folder.resolve(abandoned), "half");
        for (var other : others) {
            Files.writeString(folder.resolve(other), "text");
        }
        OutputFile.write(
                folder.resolve("written"),
                channel -> {
                    OutputFolder.deleteAbandoned(folder);
                    assertThat(folder.resolve(abandoned)).doesNotExist();
                });
        try (var files = Files.list(folder)) {
            assertThat(files.map(each -> each.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            "panoptim-1.tmp", ".panoptim-1", "file.tmp", "file", "written");
        }
        OutputFolder.deleteAbandoned(folder.resolve("none"));
    }
}
