package org.panoptim.cli;

import org.panoptim.cli.terminal.Paragraph;
import org.panoptim.cli.terminal.Terminal;
import org.panoptim.cli.train.OptimizerChoice;
import org.panoptim.cli.train.TaskSettings;
import org.panoptim.cli.train.autoencoder.AutoencoderChoice;

import java.util.ArrayList;
import java.util.List;

/** What {@code panoptim train --help} says of its optimizers. */
final class TrainHelp {

    private static final String INDENT = "  ";

    private TrainHelp() {}

    static String[] lines() {
        var lines = new ArrayList<String>();
        lines.add("");
        lines.add("An ENTRY is one of these, the same rule as often as you like:");
        lines.add("  adamw                      a name, at the defaults below");
        lines.add("  adamw@0.003                at a learning rate");
        lines.add("  adamw:beta1=0.8:eps=1e-6   with settings, by PyTorch's names");
        lines.add("  adamw@0.003:amsgrad=true   with both");
        lines.add("  sgd+sam, sgd+sam:rho=0.1   with SAM around the rule");
        paragraph(
                lines,
                "",
                "'panoptim rules' lists the rules with their settings and defaults, which hold"
                    + " where this task has no others. Both tasks take them all, but no rule whose"
                    + " curvature they do not estimate. muon trains matrices alone, and adamw, at"
                    + " 0.002 and without weight decay, the biases beside it.");
        task(
                lines,
                "classifier",
                ClassifierTask.OPTIMIZERS,
                "sophia-g and sophia-h too, and torch-adamw, PyTorch's own",
                OptimizerChoice.SETTINGS);
        task(
                lines,
                "autoencoder",
                AutoencoderTask.OPTIMIZERS,
                "kfac too, and torch-adam, PyTorch's own",
                AutoencoderChoice.SETTINGS);
        lines.add("");
        lines.add("A SCHEDULE is one of these; warmup (0.05) and decay (0.2) are shares of all");
        lines.add("steps, floor (0) is the share of the rate that is left after the last:");
        lines.add("  linear, linear:floor=0.1               down in a straight line");
        lines.add("  cosine, cosine:floor=0.1               down by half a cosine");
        lines.add("  warmup-cosine, warmup-cosine:warmup=0.1  first up in a straight line");
        lines.add("  wsd, wsd:warmup=0.1:decay=0.3          up, stable, and down at the end");
        paragraph(
                lines,
                "",
                "Several processes cut each batch into the same leaves, differentiate their part of"
                    + " them, and take every step together; each keeps a part of the optimizer's"
                    + " states. For each optimizer the output ends with a line 'parameters NAME"
                    + " SHA256', of the bytes of the final parameters in registration order, which"
                    + " is the same for any number of processes. By default they train the"
                    + " classifier with "
                        + String.join(", ", ClassifierTask.TEAM_OPTIMIZERS)
                        + ", the autoencoder with "
                        + String.join(", ", AutoencoderTask.TEAM_OPTIMIZERS)
                        + "; PyTorch's own optimizers do not go with them.");
        lines.add("");
        lines.add("Examples:");
        lines.add("  panoptim train");
        lines.add("  panoptim train --optimizer adamw,lion@0.001 --schedule cosine --seed 1,2,3");
        lines.add("  panoptim train --clip 1 --compare reports/2026-01-31-101500-classifier");
        lines.add("  panoptim train --processes 4 --optimizer adamw,lamb");
        lines.add("  torchrun --nproc-per-node 4 --no-python panoptim train --distributed");
        return lines.toArray(String[]::new);
    }

    private static void task(
            List<String> lines,
            String name,
            List<String> usual,
            String more,
            TaskSettings settings) {
        lines.add("");
        lines.add("Task " + name + ": " + more + ".");
        lines.addAll(Paragraph.ofItems(INDENT + "by default  ", usual, Terminal.WIDTH));
        lines.addAll(
                Paragraph.ofItems(
                        INDENT + "settings    ",
                        settings.entries().values().stream().map(entry -> entry.text()).toList(),
                        Terminal.WIDTH));
    }

    private static void paragraph(List<String> lines, String indent, String words) {
        lines.add("");
        lines.addAll(Paragraph.ofWords(indent, words, Terminal.WIDTH));
    }
}
