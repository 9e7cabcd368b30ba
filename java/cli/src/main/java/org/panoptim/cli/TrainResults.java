package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.cli.run.Contender;
import org.panoptim.cli.run.Results;
import org.panoptim.cli.run.RunRecord.Origin;
import org.panoptim.cli.run.Verdict;
import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Terminal;

import java.util.HashSet;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a training prints of its results.
 *
 * @param results of this run and of those that it is compared with
 * @param chosen the optimizers that were to be trained with
 */
record TrainResults(Results results, List<String> chosen) {

    /** Copies the list. */
    TrainResults {
        chosen = List.copyOf(chosen);
    }

    /** What a training runs on and by. */
    static Origin origin(String command, Backend backend) {
        var machine = Machine.current();
        return new Origin(
                Version.current(),
                command,
                backend.name() + ": " + backend.description(),
                machine.processor(),
                machine.system(),
                machine.java());
    }

    /** Prints the table and what came out. */
    void show(Consumer<String> out) {
        results.lines(Terminal.WIDTH).forEach(out);
        if (!results.remark().isEmpty()) {
            out.accept(results.remark());
        }
        var notRun = notRun();
        if (!notRun.isEmpty()) {
            out.accept("Stopped before " + String.join(", ", notRun) + ".");
        }
        var sentence = new Verdict(results).sentence();
        if (!sentence.isEmpty()) {
            out.accept("");
            Paragraph.ofWords("", sentence, Terminal.WIDTH).forEach(out);
        }
    }

    private List<String> notRun() {
        var begun = new HashSet<>(results.contenders().stream().map(Contender::name).toList());
        return chosen.stream().filter(name -> !begun.contains(name)).toList();
    }

    /** Whether every optimizer learned. */
    boolean areGood() {
        return new Verdict(results).isGood();
    }
}
