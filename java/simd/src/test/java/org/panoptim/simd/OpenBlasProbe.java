package org.panoptim.simd;

/** Prints in a separate process how the search for OpenBLAS ended. */
final class OpenBlasProbe {

    private OpenBlasProbe() {}

    /** Prints a line for each thing tried. */
    public static void main(String[] arguments) {
        OpenBlasLibrary.get().tried().forEach(System.out::println);
    }
}
