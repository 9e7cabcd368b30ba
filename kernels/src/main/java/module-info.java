/** The CUDA kernels of Panoptim, {@code META-INF/kernels/panoptim.fatbin}; no code. */
module org.panoptim.kernels {}
