package org.panoptim.bench.peer;

/** Tensors of another library with its optimizer over them; for one thread. */
public interface PeerModel extends AutoCloseable {

    /**
     * Sets a tensor and its gradient.
     *
     * @param tensor its index among the shapes
     * @param values its elements, row by row
     * @param gradient as many
     */
    void write(int tensor, float[] values, float[] gradient);

    /** A tensor's elements, row by row. */
    float[] values(int tensor);

    /** A tensor's gradient, row by row. */
    float[] gradient(int tensor);

    /** Takes a step with the gradients as they are, and leaves them so. */
    void step();

    /** Clips the gradients to a global norm of 1, takes a step and zeroes the gradients. */
    void clipStepZero();

    /** Releases all. */
    @Override
    void close();
}
