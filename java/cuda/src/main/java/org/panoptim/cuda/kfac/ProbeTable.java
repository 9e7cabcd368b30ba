package org.panoptim.cuda.kfac;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.matrix.Certificate;
import org.panoptim.spi.Cleanup;

import java.lang.foreign.MemorySegment;

/** The Gaussian vectors of the certificate, on the device and on the host. */
final class ProbeTable implements AutoCloseable {

    private final DeviceContext context;
    private final long address;

    /** By size of matrix, from 1: the largest norm of a vector of that length. */
    private final double[] largest;

    /** Vectors for matrices up to a size. */
    ProbeTable(DeviceContext context, int size) {
        this.context = context;
        var probes = Certificate.probes(size);
        largest = new double[size + 1];
        var squares = new double[Certificate.PROBES];
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < squares.length; j++) {
                double value = probes[i * squares.length + j];
                squares[j] += value * value;
                largest[i + 1] = Math.max(largest[i + 1], Math.sqrt(squares[j]));
            }
        }
        address = DeviceSlab.allocate(context, JAVA_DOUBLE.byteSize() * probes.length);
        try {
            DeviceState.write(context, address, MemorySegment.ofArray(probes));
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, this::close);
            throw e;
        }
    }

    /** The device address. */
    long address() {
        return address;
    }

    /** {@code max ‖ω‖₂} for a matrix of that size. */
    double largest(int size) {
        return largest[size];
    }

    @Override
    public void close() {
        context.driver().free(address, context.stream());
    }
}
