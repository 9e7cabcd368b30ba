/**
 * Optimizers, groups, schedules, rules, checkpoints, the backends' interface and the reference
 * backend. No native access.
 */
@SuppressWarnings("module") // K-FAC is compiled later.
module org.panoptim {
    requires com.google.gson;
    requires jdk.jfr;
    requires static org.jspecify;

    exports org.panoptim;
    exports org.panoptim.backend;
    exports org.panoptim.checkpoint;
    exports org.panoptim.internal.shard to
            org.panoptim.kfac;
    exports org.panoptim.io;
    exports org.panoptim.matrix;
    exports org.panoptim.memory;
    exports org.panoptim.monitor;
    exports org.panoptim.parameter;
    exports org.panoptim.rule;
    exports org.panoptim.safetensors;
    exports org.panoptim.schedule;
    exports org.panoptim.shard;
    exports org.panoptim.spi;
    exports org.panoptim.step;
    exports org.panoptim.tensor;

    uses org.panoptim.backend.BackendProvider;

    provides org.panoptim.backend.BackendProvider with
            org.panoptim.reference.ReferenceProvider;
}
