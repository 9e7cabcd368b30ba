package org.panoptim.cuda.team;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import org.panoptim.cuda.driver.CudaUnavailableException;
import org.panoptim.cuda.driver.bindings.LibNccl;
import org.panoptim.cuda.driver.bindings.SystemLibrary;
import org.panoptim.cuda.driver.bindings.ncclConfig_t;
import org.panoptim.cuda.driver.bindings.ncclUniqueId;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;

/**
 * The calls of NCCL. Communicators and addresses are {@code long}s; the context of the
 * communicator's device must be current.
 */
final class Nccl {

    /** The size of what names a communicator. */
    static final long ID_BYTES = ncclUniqueId.sizeof();

    private static final String PROPERTY = SystemLibrary.NCCL_PROPERTY;

    private Nccl() {}

    /**
     * Loads it: {@code libnccl.so.2}, found by the system's loader, or what the system property
     * {@code panoptim.nccl} names.
     *
     * @throws CudaUnavailableException if there is none, or one older than 2.14
     */
    static Nccl load() {
        var library = SystemLibrary.nccl();
        if (!library.loaded()) {
            var tried = new ArrayList<>(library.tried());
            tried.add("-D" + PROPERTY + "=FILE names one elsewhere");
            throw new CudaUnavailableException(
                    "no NCCL of 2.14 or later is installed or found", tried);
        }
        return new Nccl();
    }

    /** What a call returned. */
    enum Status {
        DONE,
        /** The call goes on; the state of the communicator says for how long. */
        GOING_ON,
        FAILED
    }

    /**
     * What a call returned.
     *
     * @param code NCCL's
     */
    record Result(int code) {

        Status status() {
            if (code == LibNccl.ncclSuccess()) {
                return Status.DONE;
            }
            return code == LibNccl.ncclInProgress() ? Status.GOING_ON : Status.FAILED;
        }
    }

    /** NCCL's version, for example 22703. */
    int version() {
        try (var arena = Arena.ofConfined()) {
            var version = arena.allocate(JAVA_INT);
            LibNccl.ncclGetVersion(version);
            return version.get(JAVA_INT, 0);
        }
    }

    /** A version as people write it, for example 2.27.3. */
    static String text(int version) {
        return version / 10_000 + "." + version / 100 % 100 + "." + version % 100;
    }

    /**
     * Names a communicator that is to be.
     *
     * @param id of {@link #ID_BYTES} bytes
     */
    Result uniqueId(MemorySegment id) {
        return new Result(LibNccl.ncclGetUniqueId(id));
    }

    /**
     * Makes a member's communicator, whose calls do not wait for other members.
     *
     * @param comm where its handle is put
     */
    Result initialize(MemorySegment comm, int size, MemorySegment id, int rank) {
        try (var arena = Arena.ofConfined()) {
            var config = ncclConfig_t.allocate(arena);
            ncclConfig_t.size(config, ncclConfig_t.sizeof());
            ncclConfig_t.magic(config, LibNccl.PANOPTIM_NCCL_CONFIG_MAGIC());
            ncclConfig_t.version(config, LibNccl.PANOPTIM_NCCL_CONFIG_VERSION());
            ncclConfig_t.blocking(config, 0);
            return new Result(LibNccl.ncclCommInitRankConfig(comm, size, id, rank, config));
        }
    }

    /** The state of a communicator. */
    Result state(long comm) {
        try (var arena = Arena.ofConfined()) {
            var state = arena.allocate(JAVA_INT);
            int code = LibNccl.ncclCommGetAsyncError(pointer(comm), state);
            return new Result(code == LibNccl.ncclSuccess() ? state.get(JAVA_INT, 0) : code);
        }
    }

    Result groupStart() {
        return new Result(LibNccl.ncclGroupStart());
    }

    Result groupEnd() {
        return new Result(LibNccl.ncclGroupEnd());
    }

    Result send(Region region, int peer, long comm, long stream) {
        return new Result(
                LibNccl.ncclSend(
                        pointer(region.address()),
                        region.bytes(),
                        LibNccl.ncclUint8(),
                        peer,
                        pointer(comm),
                        pointer(stream)));
    }

    Result receive(Region region, int peer, long comm, long stream) {
        return new Result(
                LibNccl.ncclRecv(
                        pointer(region.address()),
                        region.bytes(),
                        LibNccl.ncclUint8(),
                        peer,
                        pointer(comm),
                        pointer(stream)));
    }

    /** Ends what goes on, and frees the communicator. */
    void abort(long comm) {
        LibNccl.ncclCommAbort(pointer(comm));
    }

    /** Frees a communicator when all has been done. */
    void destroy(long comm) {
        LibNccl.ncclCommDestroy(pointer(comm));
    }

    /**
     * What NCCL says of an error.
     *
     * @param comm the communicator, or 0
     */
    String describe(Result result, long comm) {
        var text = string(LibNccl.ncclGetErrorString(result.code()));
        var last = string(LibNccl.ncclGetLastError(pointer(comm)));
        return text + (last.isBlank() ? "" : ": " + last.strip());
    }

    private static String string(MemorySegment text) {
        return text.address() == 0 ? "" : text.reinterpret(Long.MAX_VALUE).getString(0);
    }

    private static MemorySegment pointer(long address) {
        return MemorySegment.ofAddress(address);
    }

    /** The layout of a communicator's handle. */
    static MemorySegment allocateHandle(Arena arena) {
        return arena.allocate(ADDRESS);
    }
}
