package org.panoptim.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Bandwidths are reckoned from the bytes that the kernels' headers name. */
class TrafficTest {

    private static final Path RULES = Path.of("..", "kernels", "rules");
    private static final Pattern BYTES = Pattern.compile("// Traffic: (\\d+) bytes per parameter");

    /** Those that go over their arrays once. */
    static Stream<UpdateRule> rules() {
        return Rules.all().stream().map(UpdateRule.class::cast).filter(rule -> rule.phases() == 1);
    }

    @ParameterizedTest
    @MethodSource("rules")
    void theTrafficOfARuleIsThatOfItsHeader(UpdateRule rule) throws IOException {
        var header = Files.readString(RULES.resolve(rule.kernelName() + ".cuh"));
        var bytes = BYTES.matcher(header);

        assertThat(bytes.find()).isTrue();
        assertThat(Traffic.update(rule)).isEqualTo(Integer.parseInt(bytes.group(1)));
    }
}
