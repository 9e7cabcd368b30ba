package org.panoptim.tests;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.schedule.Schedule;

import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** The table of docs/schedules.md names every one that {@link Schedule} makes, and no other. */
class SchedulesPageTest {

    private static final String HEAD = "| schedule | factor | PyTorch's class |";

    private static final Pattern ROW = Pattern.compile("\\| `Schedule\\.(\\w+)\\(.*");

    @Test
    void theTableNamesEverySchedule() throws IOException {
        var lines = Files.readAllLines(Project.root().resolve("docs/schedules.md"));
        int first = lines.indexOf(HEAD);
        assertThat(first).as("the line '%s'", HEAD).isNotNegative();
        var named =
                lines.subList(first + 2, lines.size()).stream()
                        .takeWhile(line -> line.startsWith("|"))
                        .map(ROW::matcher)
                        .peek(matcher -> assertThat(matcher.matches()).isTrue())
                        .map(matcher -> matcher.group(1))
                        .collect(Collectors.toCollection(TreeSet::new));
        var made =
                Arrays.stream(Schedule.class.getDeclaredMethods())
                        .filter(SchedulesPageTest::makesSchedules)
                        .map(Method::getName)
                        .collect(Collectors.toCollection(TreeSet::new));
        assertThat(named).isEqualTo(made);
    }

    private static boolean makesSchedules(Method method) {
        return Modifier.isPublic(method.getModifiers())
                && Modifier.isStatic(method.getModifiers())
                && Schedule.class.isAssignableFrom(method.getReturnType());
    }
}
