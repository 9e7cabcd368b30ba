package org.panoptim.cli;

import org.panoptim.backend.Backend;
import org.panoptim.backend.BackendStatus;
import org.panoptim.backend.BackendUnavailableException;
import org.panoptim.backend.Backends;
import org.panoptim.kfac.engine.FactorEngines;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;

/** Prints what works on this machine, and why the rest does not. */
@Command(
        name = "doctor",
        description = "Show the backends, what was tried for each, and the machine.",
        mixinStandardHelpOptions = true)
final class DoctorCommand implements Callable<Integer> {

    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() {
        var out = spec.commandLine().getOut();
        var machine = Machine.current();
        out.println("Panoptim   " + Version.current());
        out.println("Java       " + machine.java());
        out.println("System     " + machine.system());
        out.println("Processor  " + machine.processor());
        out.println();
        printBackends(out, Backends.explain());
        out.flush();
        return 0;
    }

    private static List<String> factors(String name) {
        try (var backend = Backend.named(name)) {
            return FactorEngines.of(backend).explain();
        } catch (BackendUnavailableException e) {
            return List.of("unknown, since the backend cannot be opened: " + e.getMessage());
        }
    }

    private static void printBackends(PrintWriter out, List<BackendStatus> backends) {
        out.println("Backends, the fastest first:");
        for (var backend : backends) {
            out.println(
                    "  "
                            + (backend.available() ? "✔ " : "✘ ")
                            + backend.name()
                            + ": "
                            + backend.summary());
            backend.tried().forEach(attempt -> out.println("      " + attempt));
            if (backend.available()) {
                factors(backend.name())
                        .forEach(line -> out.println("      Kronecker factors: " + line));
            }
        }
        var chosen = backends.stream().filter(BackendStatus::available).findFirst();
        out.println();
        out.println(
                chosen.map(
                                best ->
                                        "Unless told otherwise, Panoptim computes on "
                                                + best.name()
                                                + ".")
                        .orElse("No backend works here."));
    }
}
