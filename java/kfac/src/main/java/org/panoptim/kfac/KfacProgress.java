package org.panoptim.kfac;

import org.panoptim.kfac.engine.KroneckerEngine;

import java.util.ArrayList;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * How far K-FAC has come, over its parts: what a step that fails puts back, and what a checkpoint
 * says beside the tensors.
 */
final class KfacProgress {

    private final LayerList layers;
    private final KroneckerEngine engine;
    private final FactorSchedule factors;
    private final InverseSchedule inverses;
    private final FactorRecords records;

    KfacProgress(
            LayerList layers,
            KroneckerEngine engine,
            FactorSchedule factors,
            InverseSchedule inverses,
            FactorRecords records) {
        this.layers = layers;
        this.engine = engine;
        this.factors = factors;
        this.inverses = inverses;
        this.records = records;
    }

    /** What puts everything back as it is now. */
    Runnable snapshot() {
        var ofFactors = factors.snapshot();
        var ofInverses = inverses.snapshot();
        var ofRecords = records.snapshot();
        return () -> {
            ofFactors.run();
            ofInverses.run();
            ofRecords.run();
        };
    }

    /**
     * Checks what a checkpoint says.
     *
     * @throws IllegalArgumentException if it is not of K-FAC for these layers
     */
    void check(Map<String, String> metadata) {
        KfacMetadata.parse(metadata, layers);
    }

    /** What a checkpoint says; of a team's layers, of those that are this member's. */
    Map<String, String> metadata(double damping) {
        var states = engine.factors();
        var ofLayers = new ArrayList<KfacMetadata.Layer>();
        var histories = new ArrayList<FactorHistory>();
        for (int place = 0; place < layers.size(); place++) {
            if (!engine.owns(place)) {
                continue;
            }
            histories.addAll(records.ofLayer(place));
            var state = states.get(2 * place);
            ofLayers.add(
                    new KfacMetadata.Layer(
                            layers.get(place).name(),
                            state.updates(),
                            state.refused(),
                            OptionalLong.of(factors.taken(place)),
                            OptionalLong.of(inverses.done(place)),
                            OptionalLong.of(inverses.seen(place)),
                            OptionalDouble.of(state.trace()),
                            OptionalDouble.of(states.get(2 * place + 1).trace())));
        }
        return new KfacMetadata(ofLayers, factors.steps(), damping, histories).format();
    }

    /**
     * Takes up what a checkpoint says.
     *
     * @return the settings, with the checkpoint's damping
     */
    KfacSettings restore(Map<String, String> metadata, KfacSettings settings) {
        var saved = KfacMetadata.parse(metadata, layers);
        engine.discard();
        records.restore(saved.histories());
        var updates = new long[layers.size()];
        var taken = new long[layers.size()];
        for (int place = 0; place < layers.size(); place++) {
            var layer = saved.layers().get(place);
            engine.restore(place, layer.updates(), layer.refused());
            int inputs = 2 * place;
            layer.inputTrace().ifPresent(trace -> engine.restoreTrace(inputs, trace));
            layer.outputTrace().ifPresent(trace -> engine.restoreTrace(inputs + 1, trace));
            updates[place] = layer.updates();
            taken[place] = layer.taken(saved.steps(), settings.factorPeriod());
            long seen = layer.seen(records.ofInputs(place));
            inverses.restore(
                    place,
                    layer.refreshed(
                            saved.steps(), settings.inversePeriod(), records.hasInverses(place)),
                    seen,
                    layer.updates() > seen);
        }
        factors.restore(saved.steps(), updates, taken);
        return settings.withDamping(saved.damping());
    }
}
