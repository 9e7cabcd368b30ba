package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** What the launcher shows as help without starting Java is what the commands say. */
class HelpTextsTest {

    private static final Path FOLDER = Path.of("..", "..", "scripts", "help");

    static Stream<String> commands() {
        return Main.commandLine().getSubcommands().keySet().stream()
                .filter(name -> !name.equals("help"));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void aCommandsTextIsWhatItSays(String command) throws IOException {
        assertIsUpToDate(command + ".txt", Invocation.of(command, "--help"));
        assertIsUpToDate(command + ".txt", Invocation.of("help", command));
    }

    @Test
    void theGeneralTextIsWhatTheProgramSays() throws IOException {
        assertIsUpToDate("panoptim.txt", Invocation.of("--help"));
        assertIsUpToDate("panoptim.txt", Invocation.of("help"));
    }

    @Test
    void thereIsNoTextOfACommandThatThereIsNot() throws IOException {
        try (var files = Files.list(FOLDER)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(
                            Stream.concat(commands(), Stream.of("panoptim"))
                                    .map(name -> name + ".txt")
                                    .toList());
        }
    }

    private static void assertIsUpToDate(String file, Invocation invocation) throws IOException {
        assertThat(invocation.status()).isZero();
        assertThat(Files.readString(FOLDER.resolve(file)))
                .as("scripts/help-texts brings it up to date")
                .isEqualTo(invocation.out());
    }
}
