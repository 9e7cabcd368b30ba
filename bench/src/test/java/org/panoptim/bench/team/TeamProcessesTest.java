package org.panoptim.bench.team;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.panoptim.bench.Workload;

import java.util.List;
import java.util.stream.Stream;

/** With shells as members. */
@EnabledOnOs(OS.LINUX)
class TeamProcessesTest {

    private static TeamProcesses processes(String... scripts) {
        return new TeamProcesses(
                "shells",
                Stream.of(scripts).map(each -> new ProcessBuilder("sh", "-c", each)).toList());
    }

    /** Says something, greets, and answers every line with a number. */
    private static String answering(String number) {
        return "echo noise; echo '= hello'; while read line; do echo noise; echo = %s; done"
                .formatted(number);
    }

    @Test
    void allAreAskedAndTheLargestAnswerCounts() {
        try (var processes = processes(answering("1.5"), answering("2.5"), answering("0.5"))) {
            processes.awaitAll();
            assertThat(processes.greeting()).isEqualTo("hello");
            assertThat(processes.ask("step")).containsExactly("1.5", "2.5", "0.5");
            assertThat(processes.largest("step")).isEqualTo(2.5);
        }
    }

    @Test
    void aMemberThatEndsIsNamedWithItsLastLine() {
        try (var processes = processes(answering("1"), "echo '= hello'; read line; echo gone")) {
            processes.awaitAll();
            assertThatThrownBy(() -> processes.ask("step"))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("shells, member 1 ended with: gone");
        }
    }

    @Test
    void whatCannotBeStartedIsNamed() {
        assertThatThrownBy(
                        () ->
                                new TeamProcesses(
                                        "nothing", List.of(new ProcessBuilder("no-such-file"))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("there is no no-such-file to start");
    }

    @Test
    void aMemberWithOtherParametersThanOneProcessIsFoundOut() {
        // Before any step an element of one is as it was at first.
        var first = Float.toString(TeamTensors.firstValue(0));
        var check = new TeamCheck(Workload.named("elements-1"), 2);
        try (var processes = processes(answering(first), answering(first))) {
            processes.awaitAll();
            assertThatCode(() -> check.compare("shells", processes, 0)).doesNotThrowAnyException();
            assertThatThrownBy(() -> check.compare("shells", processes, 1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("after 1 steps member 0 of 2 has " + first);
        }
        try (var processes = processes(answering(first), answering("0.25"))) {
            processes.awaitAll();
            assertThatThrownBy(() -> check.compare("shells", processes, 0))
                    .hasMessageContaining("member 1 of 2 has 0.25 at element 0 of tensor 0");
        }
    }
}
