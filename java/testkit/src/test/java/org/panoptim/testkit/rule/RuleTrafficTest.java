package org.panoptim.testkit.rule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Pass;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SAM;
import org.panoptim.rule.SGD;
import org.panoptim.rule.ScheduleFreeSGD;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** Java's formulas move what the kernels' headers say. */
class RuleTrafficTest {

    private static final Path RULES = Path.of("..", "..", "kernels", "rules");
    private static final Pattern BYTES = Pattern.compile("// Traffic: (\\d+) bytes per parameter");

    static List<UpdateRule> rules() {
        return Rules.all();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void aStepMovesWhatItsHeaderSays(UpdateRule rule) throws IOException {
        assertThat(RuleTraffic.ofStep(rule).bytes()).isEqualTo(header(rule));
    }

    private static int header(UpdateRule rule) throws IOException {
        var name = rule.name().replace('-', '_') + ".cuh";
        var bytes = BYTES.matcher(Files.readString(RULES.resolve(name)));
        assertThat(bytes.find()).isTrue();
        return Integer.parseInt(bytes.group(1));
    }

    @Test
    void readAndWrittenAreToldApart() {
        assertThat(RuleTraffic.ofStep(AdamW.defaults())).isEqualTo(new RuleTraffic(16, 12));
    }

    @Test
    void settingsThatBringStatesBringTraffic() {
        assertThat(RuleTraffic.ofStep(SGD.withLearningRate(1)).bytes()).isEqualTo(12);
        assertThat(RuleTraffic.ofStep(SGD.withLearningRate(1).withMomentum(0.9)).bytes())
                .isEqualTo(20);
        assertThat(RuleTraffic.ofStep(AdamW.defaults().withAmsgrad(true)).bytes()).isEqualTo(36);
    }

    @Test
    void passesAreCountedByThemselves() throws IOException {
        var sam = SAM.defaults();

        assertThat(RuleTraffic.ofStep(sam).bytes()).isZero();
        assertThat(RuleTraffic.ofPass(sam, SAM.PERTURB)).isEqualTo(new RuleTraffic(12, 8));
        assertThat(RuleTraffic.ofPass(sam, SAM.RESTORE)).isEqualTo(new RuleTraffic(8, 4));
        assertThat(
                        sam.passes().stream()
                                .map(Pass::name)
                                .mapToInt(pass -> RuleTraffic.ofPass(sam, pass).bytes())
                                .sum())
                .isEqualTo(header(sam));
        assertThat(RuleTraffic.ofPass(ScheduleFreeSGD.defaults(), ScheduleFreeSGD.EVAL))
                .isEqualTo(new RuleTraffic(8, 4));
        assertThat(RuleTraffic.ofPass(sam, "none").bytes()).isZero();
    }
}
