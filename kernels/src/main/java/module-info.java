/** The CUDA kernels of Panoptim, {@code META-INF/kernels}; no code. */
module org.panoptim.kernels {}
