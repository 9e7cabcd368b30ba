/** The adapter for bytedeco PyTorch: optimizers step the engine's own tensors, in place. */
module org.panoptim.pytorch {
    requires transitive org.panoptim;
    requires transitive org.bytedeco.pytorch;
    requires static org.jspecify;

    exports org.panoptim.pytorch;
}
