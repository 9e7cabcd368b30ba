package org.panoptim.cuda;

import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.spi.Cleanup;
import org.panoptim.step.CapturedStep;

/** A step as a CUDA graph. */
final class CudaCapturedStep implements CapturedStep {

    private final CudaExecution execution;
    private final long graph;
    private final long executable;

    /** Gives back the page-locked memory that the graph reads. */
    private final Runnable release;

    private boolean ended;
    private boolean closed;

    private CudaCapturedStep(
            CudaExecution execution, long graph, long executable, Runnable release) {
        this.execution = execution;
        this.release = release;
        this.graph = graph;
        this.executable = executable;
    }

    /** Captures a step on a stream on which nothing else goes on. */
    static CudaCapturedStep record(CudaExecution execution, long stream) {
        var driver = execution.context().device().driver();
        driver.beginCapture(stream);
        Runnable release;
        try {
            release = execution.enqueueCaptured(stream);
        } catch (RuntimeException | Error e) {
            abandon(driver, stream, e);
            throw e;
        }
        var cleanup = new Cleanup();
        cleanup.add(release);
        try {
            long graph = driver.endCapture(stream);
            cleanup.add(() -> driver.destroyGraph(graph));
            return new CudaCapturedStep(execution, graph, driver.instantiate(graph), release);
        } catch (RuntimeException | Error e) {
            cleanup.runAfter(e);
            throw e;
        }
    }

    private static void abandon(CudaDriver driver, long stream, Throwable reason) {
        Cleanup.after(reason, () -> driver.destroyGraph(driver.endCapture(stream)));
    }

    long executable() {
        return executable;
    }

    @Override
    public void launch() {
        if (closed) {
            throw new IllegalStateException("the captured step is closed");
        }
        if (ended) {
            throw new IllegalStateException(
                    "the step was captured before parameters were added, or a rule on matrices"
                            + " was changed in more than its learning rate; capture it again");
        }
        execution.launch(this);
    }

    /** Destroys the graph, whose work must be done. */
    void end() {
        if (!ended) {
            ended = true;
            var driver = execution.context().device().driver();
            Cleanup.all(
                    () -> driver.destroyExecutableGraph(executable),
                    () -> driver.destroyGraph(graph),
                    release);
        }
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        var context = execution.context();
        context.requireNoCaptureToClose("the captured step");
        closed = true;
        execution.forget(this);
        context.free(
                () ->
                        Cleanup.all(
                                () -> context.driver().synchronizeStream(context.stream()),
                                this::end));
    }
}
