package org.panoptim.bench.result;

/**
 * The inversion of all Kronecker factors of a model.
 *
 * @param model the model
 * @param method how inverses were computed
 * @param seconds of a refresh, for each iteration
 */
public record RefreshTimes(String model, String method, double[] seconds) {}
