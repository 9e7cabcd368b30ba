package org.panoptim.simd;

/** Says in a process of its own how the search for OpenBLAS ended. */
final class OpenBlasProbe {

    private OpenBlasProbe() {}

    /** Prints a line for each thing tried. */
    public static void main(String[] arguments) {
        OpenBlasLibrary.get().tried().forEach(System.out::println);
    }
}
