package org.panoptim;

/**
 * Where a tensor's elements lie. Panoptim never frees memory that it was handed: whoever allocated
 * it closes it, after the optimizer.
 */
public sealed interface Memory permits HostMemory, DeviceMemory {

    /** The size in bytes. */
    long byteSize();

    /** The address of the first byte; for memory on the Java heap an offset that means nothing. */
    long address();
}
