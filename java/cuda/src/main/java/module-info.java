/** The CUDA backend, over CUDA's driver and cuBLAS behind two interfaces. */
module org.panoptim.cuda {
    requires transitive org.panoptim;
    requires static org.jspecify;

    exports org.panoptim.cuda.driver;
}
