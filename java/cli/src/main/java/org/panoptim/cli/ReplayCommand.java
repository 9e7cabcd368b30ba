package org.panoptim.cli;

import org.panoptim.testkit.trace.Replay;
import org.panoptim.testkit.trace.Trace;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;

/** Applies a recorded sequence of gradients. */
@Command(
        name = "replay",
        description = {
            "Apply a recorded sequence of gradients and write what it leads to.",
            "",
            "A trace is a safetensors file with float32 tensors param/NAME, grad/STEP/NAME and"
                    + " hess/STEP/NAME, and metadata rule, set and steps. The result has param/NAME"
                    + " and state/SLOT/NAME after the last step, and rule/SLOT for what the rule"
                    + " keeps for itself. Schedule-free rules are trained at param/NAME and"
                    + " evaluated at eval/NAME.",
            "",
            "set has the rule's settings, key=value with commas between them, and any of these:"
                    + " clip_norm bounds the norm of all gradients together, clip_value their"
                    + " elements, agc each row's by the row's own; centralize takes each row's"
                    + " mean away; cautious and cautious_weight_decay are true or false;"
                    + " hypergradient is its beta; lookahead_k and lookahead_alpha are"
                    + " Lookahead's; ema_decay is the decay of a moving average of the"
                    + " parameters, ema/NAME.",
            ""
        },
        mixinStandardHelpOptions = true)
final class ReplayCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Mixin private BackendOption backend = new BackendOption();

    @Parameters(paramLabel = "TRACE.safetensors", description = "The recorded run.")
    private Path file = Path.of("");

    @Option(
            names = "--out",
            required = true,
            paramLabel = "OUT.safetensors",
            description = "Where to write parameters and states; an old file is replaced.")
    private Path result = Path.of("");

    @Override
    public Integer call() throws IOException {
        checkResult();
        try (var trace = Trace.open(file);
                var chosen = backend.open();
                var replay = new Replay(trace, chosen)) {
            replay.run();
            replay.write(result);
            spec.commandLine()
                    .getOut()
                    .println(
                            "Replayed "
                                    + trace.steps()
                                    + (trace.steps() == 1 ? " step" : " steps")
                                    + " of "
                                    + trace.rule().name()
                                    + " on "
                                    + chosen.name()
                                    + "; wrote "
                                    + result);
            spec.commandLine().getOut().flush();
        }
        return 0;
    }

    /** Refuses an output file that cannot be written before any work is done. */
    private void checkResult() throws IOException {
        var folder = result.toAbsolutePath().normalize().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw new InputException("--out " + result + ": there is no folder " + folder);
        }
        Outputs.check("--out", result);
        if (Files.exists(result) && Files.exists(file) && Files.isSameFile(result, file)) {
            throw new InputException("--out " + result + ": is the trace itself");
        }
    }
}
