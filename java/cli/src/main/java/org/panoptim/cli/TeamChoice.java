package org.panoptim.cli;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cli.train.OptimizerSetup;
import org.panoptim.cli.train.SetupChoice;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.memory.HostMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * A team that is to train.
 *
 * @param members how many processes
 * @param leaves into how many micro-batches each batch is cut, over all members
 * @param option which says how many members there are
 */
record TeamChoice(int members, int leaves, String option) {

    /**
     * Checks the numbers.
     *
     * @throws InputException if either is no power of two, or there are more members than leaves
     */
    TeamChoice {
        if (leaves < 1 || Integer.bitCount(leaves) != 1) {
            throw new InputException("--leaves: must be a power of two, but is " + leaves);
        }
        if (members < 1 || Integer.bitCount(members) != 1) {
            throw new InputException(
                    "%s: the number of processes must be a power of two, but is %d"
                            .formatted(option, members));
        }
        if (members > leaves) {
            throw new InputException(
                    "%s: %d processes cannot share %d leaves of a batch; --leaves sets more"
                            .formatted(option, members, leaves));
        }
    }

    /**
     * Checks that it can train so.
     *
     * @param batch images a step
     * @throws InputException if a batch has fewer images than leaves, or a team cannot take the
     *     steps of an optimizer
     */
    void check(List<? extends SetupChoice<?>> choices, int batch) {
        if (leaves > batch) {
            throw new InputException(
                    "--leaves: a batch of %d images has none for some of %d leaves"
                            .formatted(batch, leaves));
        }
        choices.forEach(TeamChoice::check);
    }

    private static void check(SetupChoice<?> choice) {
        if (choice.ofEngine()) {
            throw refused(choice, "PyTorch's own optimizer takes no steps with a team");
        }
        try {
            build(choice.setup());
        } catch (IllegalArgumentException | UnsupportedPlanException e) {
            throw new InputException(refused(choice, e.getMessage()).getMessage(), e);
        }
    }

    /** Lets the library say whether a team can have such an optimizer. */
    private static void build(OptimizerSetup setup) {
        try (var arena = Arena.ofConfined();
                var backend = Backend.named("reference")) {
            var matrix =
                    Parameter.of("matrix", Shape.of(2, 2), new HostMemory(arena.allocate(16, 64)));
            Optimizer optimizer =
                    setup.optimizer(1, List.of(matrix))
                            .shards(LocalTeam.of(1, Duration.ofSeconds(1)).getFirst())
                            .backend(backend)
                            .build();
            optimizer.close();
        }
    }

    private static InputException refused(SetupChoice<?> choice, String reason) {
        return new InputException("--optimizer: '%s': %s".formatted(choice.name(), reason));
    }

    /** What it adds to what holds for all optimizers. */
    SequencedMap<String, String> ofAll() {
        var map = new LinkedHashMap<String, String>();
        map.put("processes", String.valueOf(members));
        map.put("leaves", String.valueOf(leaves));
        return map;
    }

    /** What it adds to a command line that trains the same. */
    String command() {
        return " --processes %d --leaves %d".formatted(members, leaves);
    }

    /** What the page says of it. */
    String words() {
        return "%s took every step together; a batch was cut into %s."
                .formatted(
                        members == 1 ? "A team of one process" : members + " processes",
                        leaves == 1 ? "one leaf" : leaves + " leaves");
    }
}
