package org.panoptim.tests.cuda;

import org.panoptim.cuda.CudaOptions;
import org.panoptim.cuda.driver.CudaDriver;

import java.util.ArrayList;
import java.util.List;

/**
 * A framework's stream, which it captures in global mode, and a device whose backend works on it.
 */
final class Framework implements AutoCloseable {

    final Device owner;
    final CudaDriver driver;
    final long stream;
    final Device device;
    private final Implementation implementation;
    private final List<Graph> graphs = new ArrayList<>();

    Framework(Implementation implementation) {
        this.implementation = implementation;
        owner = implementation.device();
        driver = owner.driver();
        stream = driver.createStream();
        device = open();
    }

    /** A further backend on the stream, for the caller to close. */
    Device open() {
        return new Device(implementation.driver(), CudaOptions.defaults().withStream(stream));
    }

    /** What was captured. */
    final class Graph {

        private final long graph;
        private final long executable;

        private Graph(long graph) {
            this.graph = graph;
            executable = driver.instantiate(graph);
        }

        /** Launches it, and waits. */
        void run() {
            launch(1);
            driver.synchronizeStream(stream);
        }

        /** Launches it so many times, without waiting. */
        void launch(int times) {
            for (int i = 0; i < times; i++) {
                driver.launchGraph(executable, stream);
            }
        }

        private void destroy() {
            driver.destroyExecutableGraph(executable);
            driver.destroyGraph(graph);
        }
    }

    /** Captures some work. */
    Graph capture(Runnable work) {
        FrameworkCalls.beginGlobalCapture(stream);
        try {
            work.run();
        } catch (RuntimeException | Error e) {
            driver.destroyGraph(driver.endCapture(stream));
            throw e;
        }
        var captured = new Graph(driver.endCapture(stream));
        graphs.add(captured);
        return captured;
    }

    /** Destroys what was captured. */
    void destroyGraphs() {
        graphs.forEach(Graph::destroy);
        graphs.clear();
    }

    @Override
    public void close() {
        destroyGraphs();
        device.close();
        driver.destroyStream(stream);
        owner.close();
    }
}
