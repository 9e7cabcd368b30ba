package org.panoptim.step;

/**
 * A step that a device repeats by itself: {@link org.panoptim.Optimizer#capture} records it once,
 * {@link #launch} takes it. It reads and writes the gradients and curvatures that the parameters
 * held at the capture; schedule, loss scale, counts and changed hyper-parameters go on from step to
 * step.
 *
 * <p>It belongs to its optimizer and ends with it at the latest.
 */
public interface CapturedStep extends AutoCloseable {

    /**
     * Takes the step; the work goes on after the return.
     *
     * @throws IllegalStateException if it or its optimizer is closed, if parameters were added to
     *     the optimizer since, if a {@linkplain org.panoptim.rule.MatrixRule rule on matrices} was
     *     changed in more than its learning rate, if the framework that parameters belong to has
     *     given them other memory or gradients since, or if the schedule answers with nonsense;
     *     nothing is changed
     */
    void launch();

    /**
     * Frees the recording; closing twice is harmless.
     *
     * @throws IllegalStateException if a framework is capturing the device's stream; nothing is
     *     freed, and it can be closed when the capture has ended
     */
    @Override
    void close();
}
