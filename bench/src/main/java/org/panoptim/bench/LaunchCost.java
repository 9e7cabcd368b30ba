package org.panoptim.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.panoptim.Optimizer;
import org.panoptim.abi.bindings.panoptim_launch;
import org.panoptim.cuda.CudaBackend;
import org.panoptim.cuda.CudaFfmProvider;
import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaDriver;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.cuda.jcuda.CudaJcudaProvider;
import org.panoptim.cuda.jcuda.Jcuda;
import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.rule.AdamW;
import org.panoptim.testkit.VirtualGpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * What a step of AdamW on a CUDA device costs the host: over the virtual GPU, whose launches do
 * nothing here, so that only the way there is timed.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(value = 3, jvmArgsAppend = "--enable-native-access=ALL-UNNAMED")
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 3)
public class LaunchCost {

    private static final String KERNEL = "panoptim_zero";

    private static final int THREADS = 128;

    /** What carries the calls of the driver. */
    public enum Implementation {
        /** The Foreign Function and Memory API. */
        FFM(CudaFfmProvider::open, FfmCuda::load),
        /** JCuda. */
        JCUDA(CudaJcudaProvider::open, Jcuda::load);

        private final Opener opener;
        private final Supplier<CudaDriver> loader;

        Implementation(Opener opener, Supplier<CudaDriver> loader) {
            this.opener = opener;
            this.loader = loader;
        }
    }

    private interface Opener {
        CudaBackend open(CudaOptions options);
    }

    /** What carries the calls. */
    @Param({"FFM", "JCUDA"})
    public Implementation implementation = Implementation.FFM;

    /** Whether launches do nothing. */
    boolean empty = true;

    private final Arena arena = Arena.ofShared();
    private final List<Buffer> values = new ArrayList<>();
    private final List<Buffer> gradients = new ArrayList<>();
    private CudaBackend backend;
    private Optimizer optimizer;
    private CudaDriver driver;
    private long module;
    private long function;
    private MemorySegment argument;

    /** Made by JMH. */
    public LaunchCost() {}

    /** Opens the optimizer over device memory, and a kernel. */
    @Setup
    public void open() {
        backend = implementation.opener.open(CudaOptions.defaults());
        try (var model = new HostModel(Workload.named(Workload.FEW))) {
            optimizer =
                    Optimizer.builder(AdamW.defaults())
                            .group("all", onDevice(model))
                            .backend(backend)
                            .build();
        }
        driver = implementation.loader.get();
        backend.device().enter();
        module = driver.loadModule(VirtualGpu.kernels(arena));
        function = driver.function(module, KERNEL);
        argument = panoptim_launch.allocate(arena);
        VirtualGpu.empty(empty);
    }

    private List<Parameter> onDevice(HostModel model) {
        var parameters = new ArrayList<Parameter>();
        for (int i = 0; i < model.parameters().size(); i++) {
            var onHost = model.parameters().get(i);
            var value = onDevice(model.values().get(i));
            var gradient = onDevice(model.gradients().get(i));
            values.add(value);
            gradients.add(gradient);
            parameters.add(
                    Parameter.of(onHost.name(), onHost.shape(), value.memory())
                            .gradient(gradient.memory()));
        }
        return parameters;
    }

    private Buffer onDevice(MemorySegment tensor) {
        var buffer = backend.allocate(tensor.byteSize());
        buffer.write(0, tensor);
        return buffer;
    }

    /** The parameters' values as they are on the device now. */
    List<MemorySegment> values() {
        return values.stream()
                .map(
                        buffer -> {
                            var copy = arena.allocate(buffer.memory().byteSize(), Float.BYTES);
                            buffer.read(0, copy);
                            return copy;
                        })
                .toList();
    }

    /** Closes all. */
    @TearDown
    public void close() {
        VirtualGpu.empty(false);
        backend.device().enter();
        driver.unloadModule(module);
        optimizer.close();
        values.forEach(Buffer::close);
        gradients.forEach(Buffer::close);
        backend.close();
        arena.close();
    }

    /** One step. */
    @Benchmark
    public void step() {
        optimizer.step();
    }

    /** One launch of the driver's. */
    @Benchmark
    public void launch() {
        driver.launch(function, KERNEL, 1, THREADS, 0, 0, argument);
    }
}
