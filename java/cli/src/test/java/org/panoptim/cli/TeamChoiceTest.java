package org.panoptim.cli;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.panoptim.cli.train.OptimizerChoice;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;

import java.util.List;

class TeamChoiceTest {

    /** What the library refuses: a rule that has the name of one of its own. */
    public record Namesake(double learningRate) implements UpdateRule {
        @Override
        public Namesake atLearningRate(double value) {
            return new Namesake(value);
        }

        @Override
        public String name() {
            return "sgd";
        }

        @Override
        public List<Slot> slots() {
            return List.of();
        }

        @Override
        public ElementUpdate prepare(int phase, Preparation preparation) {
            return _ -> {};
        }
    }

    @Test
    void anOptimizerThatTheLibraryRefusesIsRefusedInItsWords() {
        var choice = new OptimizerChoice("mine", new OptimizerSetup(new Namesake(1)), false);

        assertThatThrownBy(() -> new TeamChoice(2, 8, "--processes").check(List.of(choice), 32))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "--optimizer: 'mine': rule sgd of %s has the name of the library's rule sgd; give it another one"
                                .formatted(Namesake.class.getName()));
    }
}
