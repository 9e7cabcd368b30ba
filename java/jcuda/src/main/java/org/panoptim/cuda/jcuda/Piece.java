package org.panoptim.cuda.jcuda;

import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstream;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The objects that one running call needs for its arguments; kept, so that it makes none. */
final class Piece {

    /** Room for two pointers. */
    private static final int BYTES = 64;

    final CUcontext context = new CUcontext();
    final CUstream stream = new CUstream();
    final CUevent event = new CUevent();
    final CUfunction function = new CUfunction();
    final CUgraphExec executable = new CUgraphExec();
    final CUdeviceptr to = new CUdeviceptr();
    final CUdeviceptr from = new CUdeviceptr();
    final Pointer host = new Pointer();
    final int[] status = new int[1];

    /** Native memory. */
    final MemorySegment memory = Arena.global().allocate(BYTES, BYTES);

    /** A pointer to {@link #memory}. */
    final Pointer parameters = Handles.set(new Pointer(), memory.address());
}
