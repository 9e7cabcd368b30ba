package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Setting;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.spi.TestTransform;
import org.panoptim.tensor.TestState;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** What {@link Optimizer#save} could not write is refused when the optimizer is built. */
class SavableTest {

    private final Backend backend = Backend.named("reference");

    @AfterEach
    void close() {
        // Fails if a refused optimizer still counts as a user of the backend.
        backend.close();
    }

    private Optimizer.Builder<SGD> builder() {
        return Optimizer.builder(SGD.withLearningRate(0.1)).backend(backend);
    }

    private void assertRefused(Optimizer.Builder<?> builder, String problem) {
        assertThatIllegalArgumentException().isThrownBy(builder::build).withMessage(problem);
    }

    @ParameterizedTest
    @ValueSource(strings = {"\ud800", "a\udc00b", "\udc00\ud800", "end\ud83d"})
    void namesWithHalfASurrogatePairAreRefused(String name) {
        var shown = name.replaceAll("\\p{Cs}", "?");
        var problem =
                " must be Unicode text, so that it can be saved, but has half a surrogate pair: '"
                        + shown
                        + "'";
        assertRefused(
                builder().group("all", List.of(vector(name, 1))), "a parameter's name" + problem);
        assertRefused(builder().group(name, List.of(vector("p", 1))), "a group's name" + problem);
        assertRefused(builder().schedule(new Remembering(name)), "a schedule's state" + problem);
    }

    @Test
    void wholeSurrogatePairsAreTaken() {
        assertThatCode(() -> builder().group("😀", List.of(vector("a😀b", 1))).build().close())
                .doesNotThrowAnyException();
    }

    @Test
    void whatAScheduleRemembersIsSavedIfItCanBeLoaded(@TempDir Path folder) throws IOException {
        var file = folder.resolve("file");
        int longest = (1 << 20) - "{\"\":\"1.0\"}".length();
        try (var optimizer = builder().schedule(new Remembering("x".repeat(longest))).build()) {
            optimizer.save(file);
            optimizer.load(file);
        }
        var before = Files.readAllBytes(file);
        try (var optimizer = builder().schedule(new Remembering("x".repeat(longest + 1))).build()) {
            assertThatThrownBy(() -> optimizer.save(file))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage(
                            "what the schedule remembers takes 1048577 characters in a checkpoint,"
                                    + " more than the 1048576 that can be loaded");
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
    }

    @Test
    void aGroupThatIsAddedIsCheckedToo() {
        try (var optimizer = builder().group("all", List.of(vector("p", 1))).build()) {
            var group =
                    new ParameterGroup("new", SGD.defaults(), List.of(vector("half \ud800", 1)));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.add(group))
                    .withMessageStartingWith("a parameter's name must be Unicode text");
            assertThat(optimizer.groups()).extracting(ParameterGroup::name).containsExactly("all");
        }
    }

    static Stream<Arguments> rulesThatCannotBeSaved() {
        return Stream.of(
                Arguments.of(
                        new Classic(1),
                        "rule 'test' is not a record, so its settings cannot be listed: "
                                + Classic.class.getName()),
                Arguments.of(
                        new Hidden(1),
                        "the settings of rule 'test' cannot be read: "
                                + Hidden.class.getName()
                                + " must be public and in an exported package"),
                Arguments.of(
                        new Listing(1, List.of()),
                        "rule 'test': names must be a double, boolean or long to be a setting, but"
                                + " is a List"),
                Arguments.of(new Twice(1, 2), "rule 'test' has two settings 'lr'"),
                Arguments.of(
                        new HalfNamed(1),
                        "a rule's name must be Unicode text, so that it can be saved, but has half"
                                + " a surrogate pair: 'half ?'"),
                Arguments.of(new TwoSlots(1), "rule test: two of its states are named 'a'"));
    }

    @ParameterizedTest
    @MethodSource
    void rulesThatCannotBeSaved(UpdateRule rule, String problem) {
        assertRefused(builder().group("all", List.of(vector("p", 1)), rule), problem);
    }

    @Test
    void aRuleThatIsPutInThePlaceOfAnotherIsCheckedToo() {
        var group = new ParameterGroup("all", new Fine(1), List.of(vector("p", 1)));
        try (var optimizer = builder().build()) {
            optimizer.add(group);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.rule("all", new Classic(2)))
                    .withMessageStartingWith("rule 'test' is not a record");
            assertThat(optimizer.group("all").rule()).isEqualTo(new Fine(1));
        }
    }

    @Test
    void aTransformsStateMustHaveANameOfItsOwnThatIsText() {
        var builder =
                builder()
                        .group(
                                "all",
                                List.of(vector("p", 1)),
                                SGD.withLearningRate(1).withMomentum(0.9));
        var transform = new TestTransform();
        builder.transform(transform);

        transform.states = List.of(new TestState("momentum_buffer", "p"));
        assertRefused(
                builder,
                "the transform's state 'state/momentum_buffer/p' has the name of another one");

        transform.states = List.of(new TestState("factor", "p"), new TestState("factor", "p"));
        assertRefused(
                builder, "the transform's state 'state/factor/p' has the name of another one");

        transform.states = List.of(new TestState("factor", "\ud800"));
        assertRefused(
                builder,
                "the name of a transform's state must be Unicode text, so that it can be saved, but"
                        + " has half a surrogate pair: 'state/factor/?'");

        transform.states = List.of(new TestState("momentum_buffer", "q"));
        assertThatCode(() -> builder.build().close()).doesNotThrowAnyException();
    }

    @Test
    void aGroupThatIsAddedMustNotHaveTheNamesOfTheTransformsStates() {
        var momentum = SGD.withLearningRate(1).withMomentum(0.9);
        var transform = new TestTransform();
        transform.states = List.of(new TestState("momentum_buffer", "late"));
        try (var optimizer =
                builder().group("all", List.of(vector("p", 1))).transform(transform).build()) {
            var late = new ParameterGroup("late", momentum, List.of(vector("late", 1)));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> optimizer.add(late))
                    .withMessage(
                            "the transform's state 'state/momentum_buffer/late' has the name of"
                                    + " another one");
            assertThat(optimizer.groups()).hasSize(1);
        }
    }

    /** A schedule that remembers something under a name. */
    private record Remembering(String name) implements Schedule {

        @Override
        public double factor(long step) {
            return 1;
        }

        @Override
        public Map<String, Double> state() {
            return Map.of(name, 1.0);
        }

        @Override
        public void restore(Map<String, Double> state) {}
    }

    /** A rule that does nothing. */
    private interface Idle extends UpdateRule {

        @Override
        default String name() {
            return "test";
        }

        @Override
        default UpdateRule atLearningRate(double value) {
            return this;
        }

        @Override
        default List<Slot> slots() {
            return List.of();
        }

        @Override
        default ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    /** A rule as it should be. */
    public record Fine(double learningRate) implements Idle {}

    /** A rule whose settings nobody can list. */
    public static final class Classic implements Idle {

        private final double learningRate;

        Classic(double learningRate) {
            this.learningRate = learningRate;
        }

        @Override
        public double learningRate() {
            return learningRate;
        }
    }

    /** A rule that nobody else can read. */
    private record Hidden(double learningRate) implements Idle {}

    /** A rule with a setting that text cannot express. */
    public record Listing(double learningRate, List<String> names) implements Idle {}

    /** A rule with two settings of one name. */
    public record Twice(@Setting("lr") double learningRate, @Setting("lr") double other)
            implements Idle {}

    /** A rule whose name is no text. */
    public record HalfNamed(double learningRate) implements Idle {

        @Override
        public String name() {
            return "half \ud800";
        }
    }

    /** A rule with two states of one name. */
    public record TwoSlots(double learningRate) implements Idle {

        @Override
        public List<Slot> slots() {
            return List.of(new Slot("a"), new Slot("a"));
        }
    }
}
