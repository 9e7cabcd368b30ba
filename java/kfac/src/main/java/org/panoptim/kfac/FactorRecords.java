package org.panoptim.kfac;

import org.jspecify.annotations.Nullable;
import org.panoptim.kfac.engine.KroneckerEngine;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;

/** What is known of the inverses: of each factor's in use, and of the refreshes. */
final class FactorRecords {

    private final LayerList layers;
    private final KroneckerEngine engine;
    private final WithoutInverse withoutInverse;
    private final FactorHistory[] memories;
    private final @Nullable FactorReport[] reports;
    private @Nullable RefreshReport report;

    FactorRecords(LayerList layers, KroneckerEngine engine, WithoutInverse withoutInverse) {
        this.layers = layers;
        this.engine = engine;
        this.withoutInverse = withoutInverse;
        memories = new FactorHistory[2 * layers.size()];
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = new FactorHistory();
        }
        reports = new FactorReport[memories.length];
    }

    /** Lets a refresh compute the inverses of some layers, and notes what came of each. */
    RefreshReport refresh(Refresh refresh, List<Integer> due) {
        long refused = refresh.run(due, memories, reports);
        var result =
                new RefreshReport(
                        Arrays.stream(reports).filter(Objects::nonNull).toList(),
                        layersWithoutInverse(),
                        refused);
        report = result;
        return result;
    }

    Optional<RefreshReport> report() {
        return Optional.ofNullable(report);
    }

    /** Of the layer's input factor; the output factor's is as old. */
    FactorHistory ofInputs(int layer) {
        return memories[2 * layer];
    }

    /** Of both factors. */
    List<FactorHistory> ofLayer(int layer) {
        return List.of(memories[2 * layer], memories[2 * layer + 1]);
    }

    boolean hasInverses(int layer) {
        return memories[2 * layer].hasInverse() && memories[2 * layer + 1].hasInverse();
    }

    /** Lets something stand in for inverses that are missing; zeros are there from the start. */
    void standIn() {
        if (withoutInverse == WithoutInverse.IDENTITY) {
            engine.adoptIdentity(missing());
        }
    }

    /** As {@link #standIn}, where a checkpoint may have brought something else. */
    void standInAnew() {
        engine.adoptZeros(missing());
        standIn();
    }

    private List<Integer> missing() {
        return IntStream.range(0, memories.length)
                .filter(factor -> !memories[factor].hasInverse())
                .boxed()
                .toList();
    }

    List<String> layersWithoutInverse() {
        return IntStream.range(0, layers.size())
                .filter(layer -> engine.owns(layer) && !hasInverses(layer))
                .mapToObj(layer -> layers.get(layer).name())
                .toList();
    }

    /** Takes up what a checkpoint says, which has no reports. */
    void restore(List<FactorHistory> saved) {
        report = null;
        Arrays.fill(reports, null);
        for (int factor = 0; factor < memories.length; factor++) {
            memories[factor] = saved.get(factor);
        }
    }

    /** What puts everything back as it is now. */
    Runnable snapshot() {
        var oldMemories = Arrays.stream(memories).map(FactorHistory::copy).toList();
        var oldReports = reports.clone();
        var oldReport = report;
        return () -> {
            for (int factor = 0; factor < memories.length; factor++) {
                memories[factor] = oldMemories.get(factor);
                reports[factor] = oldReports[factor];
            }
            report = oldReport;
        };
    }
}
