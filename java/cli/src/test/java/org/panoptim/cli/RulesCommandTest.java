package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.Rules;
import org.panoptim.rule.UpdateRule;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

class RulesCommandTest {

    static List<UpdateRule> rulesAndCompanions() {
        return Stream.concat(Rules.all().stream(), Rules.companions().stream()).toList();
    }

    private static String output(Object... arguments) {
        var invocation = Invocation.of(arguments);

        assertThat(invocation.err()).isEmpty();
        assertThat(invocation.status()).isZero();
        return invocation.out();
    }

    @Test
    void theListHasAllThatIsKnownOfARule() {
        assertThat(output("rules"))
                .contains(
                        """

                        rmsprop (RMSprop)
                          settings  lr 0.01 [0, 2^100], alpha 0.99 [0, 1), eps 1e-8 [0, ∞),
                                    weight_decay 0 [0, ∞), momentum 0 [0, 1), centered false,
                                    maximize false
                          states    square_avg
                          bytes     20 moved by a step of one phase, 4 kept
                          source    PyTorch, torch.optim.RMSprop

                        """)
                .contains(
                        """

                        dadapt-sgd (DAdaptSGD)
                          settings  lr 1 [0, 2^100], momentum 0 [0, 1), weight_decay 0 [0, ∞),
                                    d0 1e-6 (0, ∞), growth_rate Infinity [1, ∞]
                          states    s, x0, d (rule), numerator_weighted (rule), g0_norm (rule),
                                    k (rule), dlr (rule)
                          bytes     36 moved by a step of 3 phases, 8 kept
                          source    facebookresearch/dadaptation, dadapt_sgd.py; Defazio & Mishchenko,
                                    2023

                        """)
                .contains("passes    eval (12 bytes), train (12 bytes)\n")
                .contains("warmup_steps 0 {0, 1, …}")
                .contains(
                        """

                        sam (SAM)
                          settings  rho 0.05 [0, ∞), adaptive false
                          states    old_p (for one step), perturbed (tensor, for one step),
                                    sharpness (tensor, for one step)
                          bytes     4 kept
                          passes    perturb (20 bytes), restore (12 bytes)
                          source    davda54/sam, sam.py; Foret et al., 2021; ASAM: Kwon et al., 2021
                        """)
                .endsWith("  source    timm, agc.py; Brock et al., 2021\n");
    }

    @Test
    void everyLineFitsATerminal() {
        assertThat(output("rules").lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
    }

    @ParameterizedTest
    @MethodSource("rulesAndCompanions")
    void everyRuleIsListedAndShownInDetailWithinATerminal(UpdateRule rule) {
        var detail = output("rules", rule.name());

        assertThat(output("rules")).contains("\n" + rule.name() + " (");
        assertThat(detail).startsWith(rule.name() + " (" + rule.getClass().getName() + ")\n");
        for (var setting : rule.descriptor().settings()) {
            // Nobody sets what a companion takes from the rule that it goes with.
            assertThat(detail.contains(" " + setting.name() + " "))
                    .isNotEqualTo(setting.fromRule());
        }
        assertThat(detail.lines())
                .allSatisfy(line -> assertThat(line).hasSizeLessThanOrEqualTo(80));
    }

    @Test
    void theDetailOfARuleHasRangesBeginningsAndPasses() {
        assertThat(output("rules", "prodigy"))
                .contains("  step      2 phases, 36 bytes read and 16 written a parameter\n")
                .contains("  states    16 bytes a parameter\n")
                .containsPattern("(?m)^  growth_rate +Infinity  \\[1, ∞\\] +growthRate$")
                .containsPattern("(?m)^  decouple +true +true, false +decouple$")
                .containsPattern("(?m)^  p0 +element  float32 +the parameter$")
                .containsPattern("(?m)^  d +rule +float64 +1e-6$");
        assertThat(output("rules", "schedule-free-sgd"))
                .contains(
                        "  pass      eval: one phase, 8 bytes read and 4 written, whether there is"
                                + " a\n"
                                + "            gradient or not; 'train' closes it\n");
        assertThat(output("rules", "sophia-h")).contains("  takes     curvature on some steps");
    }

    @Test
    void theDetailOfARuleHasTheSettingsThatBringStates() {
        assertThat(output("rules", "sgd"))
                .contains(
                        "  with      momentum=0.9: also momentum_buffer; 12 bytes read and 8"
                                + " written a\n"
                                + "            parameter, states 4\n")
                .doesNotContain("nesterov=true");
        assertThat(output("rules", "yogi")).doesNotContain("  with ");
    }

    @Test
    void theDetailOfARuleOnMatricesSaysThatItTakesNoOthers() {
        assertThat(Invocation.of("rules", "muon").out())
                .contains("takes     parameters of two dimensions or more,\n")
                .doesNotContain("curvature");
        assertThat(Invocation.of("rules", "adamw").out()).doesNotContain("dimensions");
    }

    @Test
    void severalAreShownInTheLibrarysOrder() {
        assertThat(output("rules", "sam", "lion", "sgd"))
                .containsSubsequence("sgd (", "\n\nlion (", "\n\nsam (");
    }

    @Test
    void anUnknownNameIsAnErrorWithTheNearOnes() {
        assertThat(Invocation.of("rules", "adamw", "nadamv"))
                .isEqualTo(
                        new Invocation(
                                2,
                                "",
                                "panoptim rules: there is no rule 'nadamv'; near it are nadam,"
                                        + " adam, adamw\n"));
        assertThat(Invocation.of("rules", "quickest", "--json"))
                .isEqualTo(
                        new Invocation(
                                2,
                                "",
                                "panoptim rules: there is no rule 'quickest'; 'panoptim rules'"
                                        + " lists all there are\n"));
    }

    @Test
    void twoFormsAtOnceAreBadUsage() {
        var invocation = Invocation.of("rules", "--json", "--markdown");

        assertThat(invocation.status()).isEqualTo(2);
        assertThat(invocation.out()).isEmpty();
        assertThat(invocation.err()).startsWith("panoptim rules: Error: ").hasLineCount(1);
    }

    private static List<JsonObject> objects(JsonElement array) {
        return StreamSupport.stream(array.getAsJsonArray().spliterator(), false)
                .map(JsonElement::getAsJsonObject)
                .toList();
    }

    private static JsonObject json(Object... arguments) {
        return JsonParser.parseString(output(arguments)).getAsJsonObject();
    }

    @Test
    void jsonHasEveryRuleWhoseDefaultsMakeItAgain() {
        var json = json("rules", "--json");

        for (var rule : objects(json.get("rules"))) {
            var named = Rules.named(rule.get("name").getAsString());
            Map<String, String> defaults =
                    objects(rule.get("settings")).stream()
                            .collect(
                                    Collectors.toMap(
                                            setting -> setting.get("name").getAsString(),
                                            setting -> setting.get("default").getAsString()));
            assertThat(Rules.with(named, defaults)).isEqualTo(named);
            assertThat(defaults).hasSameSizeAs(named.descriptor().settings());
        }
        assertThat(objects(json.get("rules")))
                .extracting(rule -> rule.get("name").getAsString())
                .containsExactlyElementsOf(Rules.all().stream().map(UpdateRule::name).toList());
        assertThat(objects(json.get("companions")))
                .extracting(rule -> rule.get("name").getAsString())
                .containsExactlyElementsOf(
                        Rules.companions().stream().map(UpdateRule::name).toList());
    }

    @Test
    void jsonHasStatesBytesAndPasses() {
        var json = json("rules", "prodigy", "sam", "--json");
        var prodigy = objects(json.get("rules")).getFirst();
        var sam = objects(json.get("companions")).getFirst();

        assertThat(objects(json.get("rules"))).hasSize(1);
        assertThat(prodigy.get("bytesReadPerParameter").getAsInt()).isEqualTo(36);
        assertThat(prodigy.get("bytesWrittenPerParameter").getAsInt()).isEqualTo(16);
        assertThat(prodigy.get("stateBytesPerParameter").getAsInt()).isEqualTo(16);
        assertThat(prodigy.get("phases").getAsInt()).isEqualTo(2);
        assertThat(objects(prodigy.get("states")))
                .filteredOn(state -> state.get("name").getAsString().equals("p0"))
                .extracting(state -> state.get("initial").getAsString())
                .containsExactly("parameter");
        assertThat(objects(sam.get("passes")).getFirst())
                .hasToString(
                        "{\"name\":\"perturb\",\"phases\":2,\"everyParameter\":false,"
                                + "\"closedBy\":\"restore\",\"bytesReadPerParameter\":12,"
                                + "\"bytesWrittenPerParameter\":8}");
        assertThat(objects(sam.get("states")).getFirst().get("initial").isJsonNull()).isTrue();
    }

    @Test
    void whatTrainTakesIsToldOfWhatItTakesAlone() {
        assertThat(output("rules", "sam").replaceAll("\\s+", " "))
                .contains("train takes settings as --optimizer sgd+sam:rho=0.05.");
        assertThat(output("rules", "lookahead").replaceAll("\\s+", " "))
                .contains("Optimizer.builder(…).companion(…) puts it beside a rule.")
                .doesNotContain("--optimizer");
    }

    @Test
    void markdownHasTheTablesThatAreAskedFor() {
        assertThat(output("rules", "sam", "--markdown"))
                .startsWith("| companion | class |")
                .hasLineCount(3)
                .endsWith(
                        "| `sam` | `SAM` | `rho` 0.05, `adaptive` off | `old_p` (for one step),"
                            + " `perturbed` (tensor, for one step), `sharpness` (tensor, for one"
                            + " step) | `perturb` 20, `restore` 12, 4 | davda54/sam, sam.py; Foret"
                            + " et al., 2021; ASAM: Kwon et al., 2021 |\n");
        assertThat(output("rules", "adamw", "schedule-free-sgd", "--markdown"))
                .startsWith("| rule | class |")
                .hasLineCount(4)
                .contains("`amsgrad` off, `maximize` off | `exp_avg`, `exp_avg_sq` | 28, 8 |")
                .contains("| 20 (`eval` 12, `train` 12), 4 |");
    }
}
