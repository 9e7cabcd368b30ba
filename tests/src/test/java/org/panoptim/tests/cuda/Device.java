package org.panoptim.tests.cuda;

import org.panoptim.Optimizer;
import org.panoptim.backend.Backend;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.kfac.engine.FactorEngines;
import org.panoptim.kfac.engine.FisherEngine;
import org.panoptim.kfac.engine.FisherPlan;
import org.panoptim.kfac.engine.KroneckerEngine;
import org.panoptim.kfac.engine.KroneckerPlan;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.step.CapturedStep;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;

/** A CUDA backend with memory and optimizers for one test, all closed in the right order. */
final class Device implements AutoCloseable {

    private final CudaDriver driver;
    private final CudaBackend backend;
    private final Deque<Runnable> closings = new ArrayDeque<>();

    Device(CudaDriver driver) {
        this(driver, CudaOptions.defaults());
    }

    Device(CudaDriver driver, CudaOptions options) {
        this.driver = driver;
        backend = CudaBackend.open("cuda", this.driver, options);
    }

    Backend backend() {
        return backend;
    }

    CudaDriver driver() {
        return driver;
    }

    /** Device memory with these floats. */
    Buffer floats(float... values) {
        var buffer = backend.allocate((long) values.length * Float.BYTES);
        closings.push(buffer::close);
        set(buffer, values);
        return buffer;
    }

    /** Device memory, all zero. */
    Buffer bytes(long count) {
        var buffer = backend.allocate(count);
        closings.push(buffer::close);
        return buffer;
    }

    static void set(Buffer buffer, float... values) {
        buffer.write(0, MemorySegment.ofArray(values));
    }

    static float[] get(Buffer buffer) {
        var values = new float[(int) (buffer.memory().byteSize() / Float.BYTES)];
        buffer.read(0, MemorySegment.ofArray(values));
        return values;
    }

    Parameter parameter(String name, Buffer value) {
        long elements = value.memory().byteSize() / Float.BYTES;
        return Parameter.of(name, Shape.of(elements), value.memory());
    }

    /** What is opened on this device, to be closed with it. */
    <T> T closing(T opened, Runnable close) {
        closings.push(close);
        return opened;
    }

    KroneckerEngine open(KroneckerPlan plan) {
        var engine = FactorEngines.of(backend).open(plan);
        return closing(engine, engine::close);
    }

    FisherEngine open(FisherPlan plan) {
        var engine = FactorEngines.of(backend).open(plan);
        return closing(engine, engine::close);
    }

    Optimizer build(Optimizer.Builder<?> builder) {
        var optimizer = builder.backend(backend).build();
        closings.push(optimizer::close);
        return optimizer;
    }

    CapturedStep capture(Optimizer optimizer) {
        var captured = optimizer.capture();
        closings.push(captured::close);
        return captured;
    }

    @Override
    public void close() {
        while (!closings.isEmpty()) {
            closings.pop().run();
        }
        backend.close();
    }
}
