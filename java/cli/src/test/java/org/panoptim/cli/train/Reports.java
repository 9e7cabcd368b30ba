package org.panoptim.cli.train;

import org.panoptim.cli.run.RunRecord;
import org.panoptim.cli.run.RunRecord.Origin;
import org.panoptim.cli.train.Training.Settings;

import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;

/** Records and pages of outcomes that no training had. */
public final class Reports {

    private Reports() {}

    /** A record of some outcomes. */
    public static RunRecord record(String backend, List<Outcome> outcomes) {
        return RunRecord.of(
                "classifier",
                LocalDateTime.of(2026, 1, 31, 10, 15),
                new Origin(
                        "1.2.3",
                        "./panoptim train --optimizer adamw,sgd --epochs 10 --batch 32 --seed 1",
                        backend,
                        "some processor",
                        "some system",
                        "some Java"),
                new LinkedHashMap<>(),
                ClassifierRuns.contenders(outcomes));
    }

    static void write(Path file, Settings settings, String backend, List<Outcome> outcomes)
            throws IOException {
        new Report(settings, Optional.empty(), record(backend, outcomes), List.of()).write(file);
    }
}
