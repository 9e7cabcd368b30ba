package org.panoptim.cuda;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.CudaException;
import org.panoptim.cuda.team.ChunkExchange;
import org.panoptim.spi.StepStages;

import java.util.Optional;

/** The stages of a step as launches behind each other on a stream. */
final class StreamStages implements StepStages {

    private final DeviceContext context;
    private final CudaDriver driver;
    private final DeviceControl control;
    private final StepLaunches launches;
    private final DeviceMatrixWork matrixWork;
    private final StepBackup backup;
    private final Optional<ChunkExchange> exchange;
    private final Runnable transform;
    private long stream;
    private boolean recorded;

    /**
     * Stages over the tables of a plan.
     *
     * @param exchange brings the sums of chunks that are stepped elsewhere
     * @param transform rewrites the gradients
     */
    StreamStages(
            DeviceContext context,
            DeviceControl control,
            StepLaunches launches,
            DeviceMatrixWork matrixWork,
            StepBackup backup,
            Optional<ChunkExchange> exchange,
            Runnable transform) {
        this.context = context;
        this.driver = context.driver();
        this.control = control;
        this.launches = launches;
        this.matrixWork = matrixWork;
        this.backup = backup;
        this.exchange = exchange;
        this.transform = transform;
    }

    /** Says on which stream the next step runs, and whether a graph only records it. */
    void on(long newStream, boolean newRecorded) {
        stream = newStream;
        recorded = newRecorded;
    }

    @Override
    public boolean areRecorded() {
        return recorded;
    }

    @Override
    public void measure() {
        launches.measure(driver, stream);
        if (launches.measures()) {
            exchange.ifPresent(ChunkExchange::bringMeasured);
        }
    }

    @Override
    public void decide(boolean preparing) {
        launches.decide(preparing, driver, stream);
    }

    @Override
    public Runnable save() {
        backup.save();
        return this::takeBack;
    }

    private void takeBack() {
        context.enter();
        backup.restore();
        control.takeBack();
    }

    /** A transform may be a user's code, behind which another context may be current. */
    @Override
    public void transform() {
        transform.run();
        context.enter();
    }

    @Override
    public void measureTransformed() {
        measure();
        launches.afterTransform(driver, stream);
    }

    @Override
    public void prepare(int phase) {
        launches.prepare(phase, driver, stream);
    }

    @Override
    public void update(int phase) {
        launches.update(phase, driver, stream);
        // Without a lambda, since a step allocates nothing.
        if (exchange.isPresent()) {
            exchange.get().bring(launches.sums(phase));
        }
    }

    @Override
    public void between(int phase) {
        matrixWork.between(phase, stream);
    }

    @Override
    public void finish() {
        launches.finish(driver, stream);
    }

    @Override
    public Throwable failure(Throwable thrown) {
        return thrown instanceof CudaException e ? context.noted(e) : thrown;
    }
}
