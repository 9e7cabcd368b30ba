/** The SIMD backend: libpanoptim through the Foreign Function and Memory API. */
module org.panoptim.simd {
    requires transitive org.panoptim;
    requires org.panoptim.abi;
    requires org.panoptim.natives;
    requires static org.jspecify;

    exports org.panoptim.simd;

    provides org.panoptim.backend.BackendProvider with
            org.panoptim.simd.SimdProvider;
}
