/** The adapter for bytedeco PyTorch. */
module org.panoptim.pytorch {
    requires transitive org.panoptim;
    requires transitive org.bytedeco.pytorch;
    requires static org.jspecify;
}
