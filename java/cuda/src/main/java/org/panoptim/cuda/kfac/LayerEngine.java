package org.panoptim.cuda.kfac;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.QueuedSteps;
import org.panoptim.kfac.engine.FactorEngine;
import org.panoptim.kfac.engine.KroneckerLayer;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.DeviceStep;
import org.panoptim.spi.Execution;

import java.lang.foreign.Arena;
import java.util.List;

/**
 * What engines over layers have in common on a device: the table of layers with what waits for the
 * step, and that everything is queued on the backend's stream. An engine opens its parts one after
 * another and hands them to {@link #keep}; if one fails, it calls {@link #abandon}.
 */
abstract class LayerEngine implements FactorEngine {

    final DeviceContext context;

    /** Of the arguments of launches. */
    final Arena arena = Arena.ofShared();

    final Contributions contributions = new Contributions();
    final LayerTable layers;
    private final String name;
    private final Runnable onClose;

    /** Everything on the device. */
    private final Cleanup parts = new Cleanup();

    private boolean closed;

    /**
     * An engine with nothing but its layers.
     *
     * @param name what it is called in errors, in the plural
     * @param onClose is run once, when everything is freed
     */
    LayerEngine(DeviceContext context, List<KroneckerLayer> layers, String name, Runnable onClose) {
        context.requireNoCapture("Kronecker factors cannot be opened");
        this.context = context;
        this.name = name;
        this.onClose = onClose;
        try {
            this.layers = keep(new LayerTable(context, layers));
        } catch (RuntimeException | Error e) {
            abandon(e);
            throw e;
        }
    }

    /** Has a part closed with the engine, before those that were kept earlier. */
    final <T extends AutoCloseable> T keep(T part) {
        return parts.keep(part);
    }

    /** Frees what there is, since the engine cannot be opened; failures are suppressed in that. */
    final void abandon(Throwable reason) {
        parts.runAfter(reason);
        Cleanup.after(reason, arena::close);
    }

    /** Queues work, with the device's context current and unless a framework is capturing. */
    final void run(Runnable body) {
        context.call(
                () -> {
                    context.requireNoCapture("Kronecker factors cannot be used");
                    body.run();
                    return this;
                });
    }

    final void requireOpen() {
        if (closed) {
            throw new IllegalStateException(name + " are closed");
        }
    }

    @Override
    public final boolean queuesOn(Execution execution) {
        return execution instanceof QueuedSteps steps && steps.runOn(context);
    }

    @Override
    public final void attach(DeviceStep step) {
        requireOpen();
        contributions.attach(step);
    }

    @Override
    public final Decided decided() {
        requireOpen();
        return contributions.decided(context);
    }

    @Override
    public final long[] updates() {
        requireOpen();
        return layers.updates();
    }

    @Override
    public final long[] updatedAt() {
        requireOpen();
        return layers.updatedAt();
    }

    @Override
    public void discard() {
        requireOpen();
        layers.forget();
    }

    @Override
    public final void restore(int layer, long updates, long refused) {
        requireOpen();
        layers.restore(layer, updates, refused);
    }

    @Override
    public final void close() {
        if (closed) {
            return;
        }
        context.requireNoCaptureToClose("Kronecker factors");
        closed = true;
        Cleanup.all(
                () ->
                        context.free(
                                () ->
                                        Cleanup.all(
                                                () ->
                                                        context.driver()
                                                                .synchronizeStream(
                                                                        context.stream()),
                                                parts::run)),
                arena::close,
                onClose);
    }
}
