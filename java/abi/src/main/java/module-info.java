/** The tables that native code reads, for the backends that have native code. */
module org.panoptim.abi {
    requires transitive org.panoptim;
    requires static org.jspecify;

    exports org.panoptim.abi to
            org.panoptim.simd,
            org.panoptim.cuda;
    exports org.panoptim.abi.bindings to
            org.panoptim.simd,
            org.panoptim.cuda;
}
