/**
 * What the backends that have native code share: the tables that it reads, and where libraries are
 * unpacked.
 */
module org.panoptim.abi {
    requires transitive org.panoptim;
    requires static org.jspecify;

    exports org.panoptim.abi to
            org.panoptim.simd,
            org.panoptim.cuda;
    exports org.panoptim.abi.bindings to
            org.panoptim.simd,
            org.panoptim.cuda;
    exports org.panoptim.abi.natives to
            org.panoptim.simd,
            org.panoptim.cuda.jcuda;
}
