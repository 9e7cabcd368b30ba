package org.panoptim.seeded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

class SeededCasesTest {

    private static final List<String> PROPERTIES =
            List.of(SeededCases.SEED, SeededCases.CASES, SeededCases.CASE);

    private final Map<String, Optional<String>> before = new HashMap<>();

    @BeforeEach
    void clearProperties() {
        for (var name : PROPERTIES) {
            before.put(name, Optional.ofNullable(System.getProperty(name)));
            System.clearProperty(name);
        }
    }

    @AfterEach
    void restoreProperties() {
        before.forEach(
                (name, value) ->
                        value.ifPresentOrElse(
                                text -> System.setProperty(name, text),
                                () -> System.clearProperty(name)));
    }

    @Test
    void casesAreTheSameInEveryRun() {
        assertThat(numbers(50)).isEqualTo(numbers(50)).doesNotHaveDuplicates();
    }

    @Test
    void anotherSeedGivesOtherCases() {
        var usual = numbers(50);
        System.setProperty(SeededCases.SEED, "2");
        assertThat(numbers(50)).doesNotContainAnyElementsOf(usual);
    }

    @Test
    void theNumberOfCasesCanBeSet() {
        var usual = numbers(50);
        System.setProperty(SeededCases.CASES, "7");
        assertThat(numbers(50)).isEqualTo(usual.subList(0, 7));
    }

    @Test
    void oneCaseCanBeTriedAlone() {
        var usual = numbers(50);
        System.setProperty(SeededCases.CASE, "33");
        assertThat(numbers(50)).containsExactly(usual.get(33));
    }

    @Test
    void listsGrowWithTheIndexUpToTheirFullLength() {
        var longest = new ArrayList<Integer>();
        SeededCases.check(
                2000, draw -> draw.list(1, 400, Draw::flag).size(), size -> longest.add(size));
        assertThat(longest.getFirst()).isLessThanOrEqualTo(5);
        assertThat(longest.subList(0, 25)).allMatch(size -> size <= 101);
        assertThat(longest).contains(1, 400);
    }

    @Test
    void aFailureNamesSeedIndexCaseAndWhatRepeatsIt() {
        var tried = new ArrayList<String>();
        assertThatThrownBy(
                        () ->
                                SeededCases.check(
                                        50,
                                        draw -> "case " + draw.anyLong(),
                                        text -> {
                                            tried.add(text);
                                            if (tried.size() == 5) {
                                                throw new IOException("the disk is full");
                                            }
                                        }))
                .isInstanceOf(AssertionError.class)
                .hasCauseInstanceOf(IOException.class)
                .hasMessageContainingAll(
                        "case 4 of seed 1 fails",
                        "the disk is full",
                        "\n" + tried.get(4) + "\n",
                        "-Dtest=SeededCasesTest#",
                        " -Dpanoptim.seed=1 -Dpanoptim.case=4");
        assertThat(tried).hasSize(5);
    }

    /** What several tests share. */
    private static final class Shared {

        private Shared() {}

        static void fail() {
            SeededCases.check(
                    1,
                    Draw::anyInt,
                    _ -> {
                        throw new IOException("no");
                    });
        }
    }

    @Test
    void whatRepeatsACaseNamesTheTestWhateverIsInBetween() {
        assertThatThrownBy(() -> Shared.fail())
                .hasMessageContaining(
                        "-Dtest=SeededCasesTest#whatRepeatsACaseNamesTheTestWhateverIsInBetween"
                                + " ");
    }

    @Test
    void aPropertyThatIsNoNumberIsRefusedByName() {
        System.setProperty(SeededCases.CASES, "many");
        assertThatThrownBy(() -> numbers(1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("panoptim.cases", "'many'");
    }

    /** Nine numbers a case, so that no two cases are alike by chance. */
    private static List<List<Double>> numbers(int cases) {
        var result = new ArrayList<List<Double>>();
        int tried =
                SeededCases.check(
                        cases,
                        draw -> Stream.generate(() -> draw.between(0.0, 1.0)).limit(9).toList(),
                        value -> result.add(value));
        assertThat(result).hasSize(tried);
        return result;
    }
}
