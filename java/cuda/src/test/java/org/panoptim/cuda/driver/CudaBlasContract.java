package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;

/** What every implementation of {@link CudaBlas} does, over the virtual GPU. */
public abstract class CudaBlasContract {

    private CudaDriver driver;
    private CudaDevice device;
    private CudaBlas blas;
    private HostCopies copies;
    private long stream;
    private long handle;

    /** The driver that goes with the implementation. */
    protected abstract CudaDriver loadDriver();

    /** The implementation under test. */
    protected abstract CudaBlas load();

    @BeforeEach
    void open() {
        driver = loadDriver();
        blas = load();
        device = CudaDevice.open(driver, 0);
        device.enter();
        copies = new HostCopies(device);
        stream = driver.createStream();
        handle = blas.create();
        blas.setStream(handle, stream);
    }

    @AfterEach
    void close() {
        blas.destroy(handle);
        driver.destroyStream(stream);
        copies.close();
        device.close();
    }

    @Test
    void itHasAVersion() {
        assertThat(blas.version(handle)).isGreaterThanOrEqualTo(11000);
    }

    /** 2 (1 3 5; 2 4 6) (7; 8; 9) + 10 (1; 1), worked out by hand. */
    @Test
    void aProductIsScaledAndAdded() {
        long a = send(1, 2, 3, 4, 5, 6);
        long b = send(7, 8, 9);
        long c = send(1, 1);
        blas.sgemm(handle, false, false, 2, 1, 3, 2, a, 2, b, 3, 10, c, 2);
        assertThat(receive(c, 2)).containsExactly(2 * 76 + 10, 2 * 100 + 10);
        free(a, b, c);
    }

    @Test
    void factorsAreTransposed() {
        long a = send(1, 3, 5, 2, 4, 6);
        long b = send(7, 8, 9);
        long c = send(0, 0);
        blas.sgemm(handle, true, true, 2, 1, 3, 1, a, 3, b, 1, 0, c, 2);
        assertThat(receive(c, 2)).containsExactly(76, 100);
        free(a, b, c);
    }

    @Test
    void aBatchIsTakenAtItsStrides() {
        long a = send(2, -1, 3, -1);
        long b = send(5, 7);
        long c = send(0, 0, 1, 1, 9, 9);
        blas.sgemmStridedBatched(handle, false, false, 1, 1, 1, 1, a, 1, 2, b, 1, 1, 1, c, 1, 3, 2);
        assertThat(receive(c, 6)).containsExactly(10, 0, 1, 22, 9, 9);
        free(a, b, c);
    }

    @Test
    void anErrorCarriesItsNameAndTheShape() {
        long a = send(1);
        assertThatExceptionOfType(CudaException.class)
                .isThrownBy(
                        () -> blas.sgemm(handle, false, false, -1, 1, 1, 1, a, 1, a, 1, 0, a, 1))
                .withMessageContaining("cublasSgemm of -1 x 1 by 1 x 1")
                .withMessageContaining("CUBLAS_STATUS_INVALID_VALUE (7)");
        free(a);
    }

    private long send(float... values) {
        var source = MemorySegment.ofArray(values);
        long address = driver.allocate(source.byteSize(), stream);
        copies.toDevice(address, source, stream);
        return address;
    }

    private float[] receive(long address, int count) {
        var values = new float[count];
        copies.toHost(MemorySegment.ofArray(values), address, stream);
        return values;
    }

    private void free(long... addresses) {
        for (long address : addresses) {
            driver.free(address, stream);
        }
    }
}
