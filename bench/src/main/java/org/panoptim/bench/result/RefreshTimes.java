package org.panoptim.bench.result;

/**
 * The inversion of all Kronecker factors of a model.
 *
 * @param model the model
 * @param method how inverses were computed
 * @param backend where; files of earlier versions lack it, and mean the processor
 * @param seconds of a refresh, for each iteration
 */
public record RefreshTimes(String model, String method, String backend, double[] seconds) {

    /** What the method of another library begins with. */
    public static final String PYTORCH = "PyTorch";

    /** Whether it is another library's. */
    public boolean isPeer() {
        return method.startsWith(PYTORCH);
    }
}
