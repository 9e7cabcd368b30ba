/** The native library of Panoptim, under {@code META-INF/native/<os>-<arch>}; no code. */
module org.panoptim.natives {}
