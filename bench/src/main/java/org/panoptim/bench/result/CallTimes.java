package org.panoptim.bench.result;

/**
 * What a call on the way to a CUDA device costs the host.
 *
 * @param call what was called
 * @param implementation what carried it: {@code FFM} or {@code JCUDA}
 * @param nanos nanoseconds of a call, for each iteration
 * @param allocated bytes of Java's heap in a call
 */
public record CallTimes(String call, String implementation, double[] nanos, double allocated) {}
