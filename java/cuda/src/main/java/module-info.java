/** The CUDA backend, over CUDA's driver and cuBLAS behind two interfaces. */
module org.panoptim.cuda {
    requires transitive org.panoptim;
    requires org.panoptim.abi;
    requires static org.jspecify;
    requires static org.panoptim.kfac;

    exports org.panoptim.cuda;
    exports org.panoptim.cuda.driver;

    provides org.panoptim.backend.BackendProvider with
            org.panoptim.cuda.CudaFfmProvider;
}
