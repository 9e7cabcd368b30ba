package org.panoptim.internal.checkpoint;

import org.panoptim.checkpoint.CheckpointException;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.spi.Execution;
import org.panoptim.tensor.StateTensor;

import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.function.Predicate;

/**
 * Where a companion's states are. They are named {@code companion/RULE/SLOT/PARAMETER} and {@code
 * companion-rule/RULE/SLOT/GROUP}; what it was told is the builder's, and not in the file.
 *
 * @param rule the companion's name
 * @param groups the groups under its rule
 */
public record CompanionStates(String rule, List<ParameterGroup> groups, Execution execution) {

    private static final String OF_PARAMETER = "companion/";
    private static final String OF_RULE = "companion-rule/";

    /** What one of its states is called in the file. */
    String name(StateTensor state) {
        return (state.isOfRule() ? OF_RULE : OF_PARAMETER)
                + "%s/%s/%s".formatted(rule, state.slot(), state.parameter());
    }

    private boolean isNameOfOne(String tensor) {
        return tensor.startsWith(OF_PARAMETER + rule + "/")
                || tensor.startsWith(OF_RULE + rule + "/");
    }

    /**
     * Checks that a file has states of the companions that there are, and of no others.
     *
     * @param expected the names of all states of the optimizer
     * @param found the names of all tensors of the file
     * @throws CheckpointException if not, with the companion's name and what to do
     */
    static void check(
            Path file,
            List<CompanionStates> companions,
            Collection<String> expected,
            Collection<String> found)
            throws CheckpointException {
        for (var companion : companions) {
            Predicate<String> isOwn = companion::isNameOfOne;
            if (expected.stream().anyMatch(isOwn) && found.stream().noneMatch(isOwn)) {
                throw new CheckpointException(
                        file,
                        "it has no states of companion '%s', which the optimizer has; build the optimizer without it to load this file"
                                .formatted(companion.rule));
            }
        }
        for (var tensor : found) {
            boolean isOfCompanion = tensor.startsWith(OF_PARAMETER) || tensor.startsWith(OF_RULE);
            if (isOfCompanion && companions.stream().noneMatch(each -> each.isNameOfOne(tensor))) {
                throw new CheckpointException(
                        file,
                        "it has states of companion '%s', which the optimizer has not; build the optimizer with it (Optimizer.Builder.companion) to load this file"
                                .formatted(companionOf(tensor)));
            }
        }
    }

    private static String companionOf(String tensor) {
        return tensor.split("/", 3)[1];
    }
}
