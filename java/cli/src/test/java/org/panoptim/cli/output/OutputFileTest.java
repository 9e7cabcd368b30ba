package org.panoptim.cli.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.cli.InputException;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.TimeUnit;

class OutputFileTest {

    private static final Path FULL = Path.of("/dev/full");

    @TempDir Path folder;

    @Test
    void aNewFileHasTheTextAndNothingElseIsLeft() throws Exception {
        var file = folder.resolve("report ü.html");

        OutputFile.write(file, "ä\n");

        assertThat(file).hasContent("ä\n");
        assertThat(folder).isDirectoryContaining(each -> each.equals(file));
        assertThat(names()).isEqualTo(1);
    }

    @Test
    void anOldFileIsReplacedAndKeepsItsPermissions() throws Exception {
        var file = Files.writeString(folder.resolve("report.html"), "a longer one that was before");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));

        OutputFile.write(file, "new");

        assertThat(file).hasContent("new");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r-----");
        assertThat(names()).isEqualTo(1);
    }

    @Test
    void aNewFileIsAsReadableAsAnyOther() throws Exception {
        var file = folder.resolve("report.html");
        var other = Files.writeString(folder.resolve("other"), "");

        OutputFile.write(file, "new");

        assertThat(Files.getPosixFilePermissions(file))
                .isEqualTo(Files.getPosixFilePermissions(other));
    }

    @Test
    void aLinkStaysOneAndItsTargetIsReplaced() throws Exception {
        var file = Files.writeString(folder.resolve("target"), "old");
        var link = Files.createSymbolicLink(folder.resolve("link"), file);

        OutputFile.write(link, "new");

        assertThat(link).isSymbolicLink();
        assertThat(file).hasContent("new");
    }

    @Test
    void aLinkToNothingStaysOneToo() throws Exception {
        var link = Files.createSymbolicLink(folder.resolve("link"), folder.resolve("target"));

        OutputFile.write(link, "new");

        assertThat(link).isSymbolicLink();
        assertThat(folder.resolve("target")).hasContent("new");
    }

    @Test
    void aPipeIsWrittenInto() throws Exception {
        var pipe = folder.resolve("pipe");
        assumeTrue(
                new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0,
                "no pipe can be made here");
        var reader = new ProcessBuilder("cat", pipe.toString()).start();

        OutputFile.write(pipe, "text");

        assertThat(reader.getInputStream().readAllBytes()).asString().isEqualTo("text");
        assertThat(reader.waitFor(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aFullDiskIsAnErrorThatNamesTheFile() {
        assumeTrue(Files.isWritable(FULL), "there is no /dev/full");

        assertThatThrownBy(() -> OutputFile.write(FULL, "text"))
                .isInstanceOf(FileSystemException.class)
                .hasMessage("/dev/full: No space left on device");
        assertThat(Files.exists(FULL)).isTrue();
    }

    @Test
    void aFileThatCannotBeReplacedStaysAsItIs() throws Exception {
        var file = Files.createDirectory(folder.resolve("report.html"));
        Files.writeString(file.resolve("inside"), "old");

        assertThatThrownBy(() -> OutputFile.write(file, "new"))
                .isInstanceOf(FileSystemException.class)
                .hasMessageStartingWith(file + ": ");
        assertThat(file.resolve("inside")).hasContent("old");
        assertThat(names()).isEqualTo(1);
    }

    @Test
    void foldersAreMadeBeforeTheWork() throws Exception {
        OutputFile.prepare("--out", folder.resolve("a/b/report.html"));

        assertThat(folder.resolve("a/b")).isEmptyDirectory();
    }

    @Test
    void whatCannotBeAFileIsRefusedBeforeTheWork() throws Exception {
        var file = Files.writeString(folder.resolve("file"), "");

        assertThatThrownBy(() -> OutputFile.prepare("--out", folder))
                .isInstanceOf(InputException.class)
                .hasMessage("--out " + folder + ": is a folder");
        assertThatThrownBy(() -> OutputFile.prepare("--out", file.resolve("report.html")))
                .isInstanceOf(FileSystemException.class);
    }

    private long names() throws IOException {
        try (var files = Files.list(folder)) {
            return files.count();
        }
    }
}
