package org.panoptim.cli.verify;

import org.panoptim.testkit.scenario.Scenario;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Deals configurations out to scenarios, so that not every one runs on each: the scenarios of a
 * rule or companion take turns.
 */
final class Rotation {

    /**
     * How many scenarios of a rule or companion run on each configuration at least, if it has as
     * many. With all tiers and numbers of threads that takes little longer than one configuration:
     * most of the time goes to the reference.
     */
    static final int LEAST = 5;

    private final Map<String, List<Scenario>> bySubject;

    Rotation(List<Scenario> scenarios) {
        bySubject = scenarios.stream().collect(Collectors.groupingBy(Scenario::subject));
    }

    /** Those that a scenario runs on. */
    <T> List<T> turn(Scenario scenario, List<T> configurations) {
        int all = configurations.size();
        var ofSubject = bySubject.get(scenario.subject());
        int each = Math.min(all, Math.ceilDiv(LEAST * all, ofSubject.size()));
        // The same condition has another place among the variants of another rule's settings.
        int first = each * indexOf(scenario, ofSubject);
        return IntStream.range(first, first + each)
                .mapToObj(number -> configurations.get(number % all))
                .toList();
    }

    /** By identity: a scenario is large, and two may be equal. */
    private static int indexOf(Scenario scenario, List<Scenario> scenarios) {
        return IntStream.range(0, scenarios.size())
                .filter(index -> scenarios.get(index) == scenario)
                .findFirst()
                .orElseThrow();
    }
}
