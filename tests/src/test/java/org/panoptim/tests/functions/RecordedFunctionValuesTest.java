package org.panoptim.tests.functions;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.tests.Project;

import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The values that the native tests ask for ({@code native/test/functions.def}) are those of {@link
 * StrictMath}.
 */
class RecordedFunctionValuesTest {

    private static final Pattern LINE = Pattern.compile("(\\w+)\\((.*)\\)");

    @ParameterizedTest
    @EnumSource
    void everyRecordedResultIsThatOfStrictMath(StrictFunction function) throws IOException {
        assertThat(recorded(function))
                .hasSizeGreaterThan(25)
                .allSatisfy(
                        numbers -> {
                            double x = numbers.getFirst();
                            double y = function.arity() == 2 ? numbers.get(1) : 0;
                            double expected = function.strict(x, y);
                            assertThat(numbers).hasSize(function.arity() + 1);
                            assertThat(Double.doubleToLongBits(numbers.getLast()))
                                    .as(
                                            "%s, which is %s",
                                            function.call(x, y), Double.toHexString(expected))
                                    .isEqualTo(Double.doubleToLongBits(expected));
                        });
    }

    /** The numbers of each line of a function. */
    private static List<List<Double>> recorded(StrictFunction function) throws IOException {
        return Files.readAllLines(Project.root().resolve("native/test/functions.def")).stream()
                .map(LINE::matcher)
                .filter(line -> line.matches() && line.group(1).equals(function.name()))
                .map(line -> List.of(line.group(2).split(", ")))
                .map(words -> words.stream().map(RecordedFunctionValuesTest::number).toList())
                .toList();
    }

    private static double number(String word) {
        return switch (word) {
            case "nan" -> Double.NaN;
            case "infinity" -> Double.POSITIVE_INFINITY;
            case "-infinity" -> Double.NEGATIVE_INFINITY;
            default -> Double.parseDouble(word);
        };
    }
}
