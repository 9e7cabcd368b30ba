package org.panoptim.internal.lbfgs;

import org.panoptim.rule.ElementUpdate;
import org.panoptim.rule.UpdateRule;

import java.util.List;

/**
 * A rule with passes over vectors, and no step: what one vector operation is, a backend's passes
 * are. Scalars come and go by states of the rule.
 */
public sealed interface VectorRule extends UpdateRule
        permits GradientRule, DirectionRule, PointRule, PairRule {

    /** The program that all of them are taken from. */
    String SOURCE = "PyTorch, torch.optim.LBFGS; Nocedal & Wright, algorithm 7.4";

    /** What a phase does that only hands sums on. */
    ElementUpdate NOTHING = _ -> {};

    /** All of them, with the defaults of PyTorch. */
    static List<VectorRule> all() {
        return List.of(
                new GradientRule(), new DirectionRule(1e-7), new PointRule(), new PairRule());
    }

    /** It has none. */
    @Override
    default double learningRate() {
        return 0;
    }

    /** It has no learning rate, so this is itself. */
    @Override
    default VectorRule atLearningRate(double value) {
        return this;
    }

    @Override
    default boolean takesMomentum() {
        return false;
    }

    @Override
    default int phases() {
        return 0;
    }
}
