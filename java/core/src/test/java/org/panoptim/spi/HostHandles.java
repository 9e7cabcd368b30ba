package org.panoptim.spi;

import org.panoptim.matrix.HostBatch;
import org.panoptim.matrix.MatrixBatch;
import org.panoptim.rule.MatrixWork;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** Looks behind the matrices that a rule is given in host memory. */
public final class HostHandles {

    private HostHandles() {}

    /** Where the matrices lie that a rule has of a call. */
    public static List<MemorySegment> segments(MatrixWork call, MatrixBatch batch) {
        return ((HostBatch) ((MatrixCall.Handle) batch).of((MatrixCall) call)).segments();
    }
}
