/**
 * Optimizers, groups, schedules, rules, checkpoints, the backends' interface and the reference
 * backend. No native access.
 */
module org.panoptim {
    requires com.google.gson;
    requires jdk.jfr;
    requires static org.jspecify;

    exports org.panoptim;
    exports org.panoptim.io;
    exports org.panoptim.rule;
    exports org.panoptim.safetensors;
    exports org.panoptim.spi;
    exports org.panoptim.spi.kronecker;

    uses org.panoptim.spi.BackendProvider;

    provides org.panoptim.spi.BackendProvider with
            org.panoptim.reference.ReferenceProvider;
}
