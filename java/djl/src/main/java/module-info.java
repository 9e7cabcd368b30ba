/** The adapter for DJL: trainers step the PyTorch engine's own arrays, in place. */
module org.panoptim.djl {
    requires transitive org.panoptim;
    requires transitive ai.djl.api;
    requires ai.djl.pytorch_engine;
    requires static org.jspecify;

    exports org.panoptim.djl;
}
