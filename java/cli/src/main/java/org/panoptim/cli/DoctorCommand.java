package org.panoptim.cli;

import org.panoptim.cli.doctor.Diagnosis;
import org.panoptim.cli.doctor.DiagnosisJson;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;
import java.util.concurrent.Callable;

/** Prints what works on this machine, and why the rest does not. */
@Command(
        name = "doctor",
        description = "Show the backends, what was tried for each, and the machine.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--json",
            description = {
                "Write JSON, for programs: version, java, system, processor; backends, the fastest"
                        + " first, each with name, available, summary, tried and kroneckerFactors;",
                "best, the name of the one that is taken, or null."
            })
    private boolean json;

    @Override
    public Integer call() {
        var out = spec.commandLine().getOut();
        var diagnosis = Diagnosis.make();
        if (json) {
            out.println(DiagnosisJson.of(diagnosis));
        } else {
            print(out, diagnosis);
        }
        out.flush();
        return 0;
    }

    private static void print(PrintWriter out, Diagnosis diagnosis) {
        var machine = diagnosis.machine();
        out.println("Panoptim   " + diagnosis.version());
        out.println("Java       " + machine.java());
        out.println("System     " + machine.system());
        out.println("Processor  " + machine.processor());
        out.println();
        out.println("Backends, the fastest first:");
        for (var backend : diagnosis.backends()) {
            var status = backend.status();
            out.println(
                    "  "
                            + (status.available() ? "✔ " : "✘ ")
                            + status.name()
                            + ": "
                            + status.summary());
            status.tried().forEach(attempt -> out.println("      " + attempt));
            backend.factors().forEach(line -> out.println("      Kronecker factors: " + line));
        }
        out.println();
        out.println(
                diagnosis
                        .best()
                        .map(best -> "Unless told otherwise, Panoptim computes on " + best + ".")
                        .orElse("No backend works here."));
    }
}
