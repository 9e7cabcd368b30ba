// Allocating, freeing, copying and filling memory.
#include <cstring>

#include "state.h"

namespace panoptim_virtual {
std::size_t total_memory();
}

using namespace panoptim_virtual;

namespace {

int allocate_device(Context *context, std::uint64_t *address, std::size_t bytes) {
    if (address == nullptr || bytes == 0) {
        return result::invalid_value;
    }
    if (bytes > total_memory() || allocated_bytes() > total_memory() - bytes) {
        return result::out_of_memory;
    }
    const Allocation *allocation = allocate(bytes, MemoryKind::device, context);
    if (allocation == nullptr) {
        return result::out_of_memory;
    }
    *address = allocation->address;
    count("allocations", 1);
    return result::success;
}

int allocate_pinned(Context *context, void **address, std::size_t bytes) {
    if (address == nullptr || bytes == 0) {
        return result::invalid_value;
    }
    const Allocation *allocation = allocate(bytes, MemoryKind::pinned, context);
    if (allocation == nullptr) {
        return result::out_of_memory;
    }
    *address = reinterpret_cast<void *>(allocation->address);
    count("pinned", 1);
    return result::success;
}

// An end of a copy: what it is, and whether the copy may reach it.
struct End {
    std::uintptr_t address;
    bool device;
};

bool is_pinned(std::uintptr_t address, std::size_t bytes) {
    const Allocation *allocation = allocation_around(address);
    return allocation != nullptr && allocation->holds(address, bytes);
}

int copy(Context *context, Stream *stream, End to, End from, std::size_t bytes, bool wait) {
    if (bytes == 0) {
        return result::success;
    }
    if ((to.device && !within_allocation(to.address, bytes)) ||
        (from.device && !within_allocation(from.address, bytes)) || to.address == 0 ||
        from.address == 0) {
        return result::invalid_value;
    }
    Work work;
    work.kind = Work::Kind::copy;
    work.to = to.address;
    work.from = from.address;
    work.bytes = bytes;
    work.to_device = to.device;
    work.from_device = from.device;
    // Pageable memory is read before the call returns, and has been written when it does.
    const bool staged = !from.device && !is_pinned(from.address, bytes);
    const bool awaited = !to.device && !is_pinned(to.address, bytes);
    if (staged && !stream->capture && deferred()) {
        const auto *source = reinterpret_cast<const unsigned char *>(from.address);
        work.staged = std::make_shared<std::vector<unsigned char>>(source, source + bytes);
    }
    const bool captured = stream->capture != nullptr;
    if (const int error = submit(stream, std::move(work)); error != result::success) {
        return error;
    }
    if ((wait || awaited) && !captured) {
        drain(stream);
        return context->sticky;
    }
    return result::success;
}

// A copy that the host waits for, in the default stream's order.
int copy_now(const char *name, End to, End from, std::size_t bytes) {
    CONTEXT_CALL(name)
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    Stream *stream;
    if (const int error = find_stream(0, context, stream); error != result::success) {
        return error;
    }
    return copy(context, stream, to, from, bytes, true);
}

int copy_later(const char *name, End to, End from, std::size_t bytes, std::uint64_t handle) {
    CONTEXT_CALL(name)
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    return copy(context, stream, to, from, bytes, false);
}

End device_end(std::uint64_t address) {
    return {address, true};
}
End host_end(const void *address) {
    return {reinterpret_cast<std::uintptr_t>(address), false};
}

// Either, as unified addressing tells.
End any_end(std::uint64_t address) {
    const Allocation *allocation = allocation_around(address);
    return {address, allocation != nullptr && allocation->kind == MemoryKind::device};
}

int fill_memory(const char *name, std::uint64_t address, std::uint32_t value,
                std::size_t value_bytes, std::size_t number, const std::uint64_t *handle) {
    CONTEXT_CALL(name)
    if (handle == nullptr) {
        if (const int error = refuse_unsafe_in_capture(); error != result::success) {
            return error;
        }
    }
    Stream *stream;
    const std::uint64_t default_stream = 0;
    if (const int error =
            find_stream(handle == nullptr ? default_stream : *handle, context, stream);
        error != result::success) {
        return error;
    }
    if (number == 0) {
        return result::success;
    }
    if (number > SIZE_MAX / value_bytes || address % value_bytes != 0 ||
        !within_allocation(address, number * value_bytes)) {
        return result::invalid_value;
    }
    Work work;
    work.kind = Work::Kind::fill;
    work.to = address;
    work.value = value;
    work.value_bytes = value_bytes;
    work.bytes = number * value_bytes;
    return submit(stream, std::move(work));
}

constexpr std::uint64_t pool_handle = 0x7a00'0000'0001;

} // namespace

extern "C" {

int cuMemGetInfo_v2(std::size_t *available, std::size_t *total) {
    CONTEXT_CALL("cuMemGetInfo_v2")
    if (available == nullptr || total == nullptr) {
        return result::invalid_value;
    }
    *total = total_memory();
    *available = *total - allocated_bytes();
    return result::success;
}

int cuMemAlloc_v2(std::uint64_t *address, std::size_t bytes) {
    CONTEXT_CALL("cuMemAlloc_v2")
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    return allocate_device(context, address, bytes);
}

// Waits for all work of the context, as the real one may.
int cuMemFree_v2(std::uint64_t address) {
    PLAIN_CALL("cuMemFree_v2")
    if (address == 0) {
        return result::success;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    const Allocation *allocation = allocation_at(address);
    if (allocation == nullptr || allocation->kind != MemoryKind::device) {
        return result::invalid_value;
    }
    Context *const context = allocation->context;
    drain_context(context, true);
    count("allocations", -1);
    if (!free_allocation(allocation)) {
        keep_error(context, result::illegal_address);
    }
    return context->sticky;
}

int cuMemAllocAsync(std::uint64_t *address, std::size_t bytes, std::uint64_t handle) {
    CONTEXT_CALL("cuMemAllocAsync")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    // The real one makes a node that allocates; this one has none.
    if (const int error = refuse_in_capture(stream); error != result::success) {
        return error;
    }
    return allocate_device(context, address, bytes);
}

int cuMemAllocFromPoolAsync(std::uint64_t *address, std::size_t bytes, std::uint64_t pool,
                            std::uint64_t handle) {
    if (pool != pool_handle) {
        return result::invalid_value;
    }
    return cuMemAllocAsync(address, bytes, handle);
}

int cuMemFreeAsync(std::uint64_t address, std::uint64_t handle) {
    CONTEXT_CALL("cuMemFreeAsync")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (const int error = refuse_in_capture(stream); error != result::success) {
        return error;
    }
    if (address == 0) {
        return result::success;
    }
    const Allocation *allocation = allocation_at(address);
    if (allocation == nullptr || allocation->kind != MemoryKind::device) {
        return result::invalid_value;
    }
    count("allocations", -1);
    Work work;
    work.kind = Work::Kind::release;
    work.to = address;
    return submit(stream, std::move(work));
}

int cuDeviceGetDefaultMemPool(std::uint64_t *pool, int device) {
    PLAIN_CALL("cuDeviceGetDefaultMemPool")
    if (device < 0 || device >= device_count()) {
        return result::invalid_device;
    }
    if (pool == nullptr) {
        return result::invalid_value;
    }
    *pool = pool_handle;
    return result::success;
}

int cuDeviceGetMemPool(std::uint64_t *pool, int device) {
    return cuDeviceGetDefaultMemPool(pool, device);
}

int cuMemPoolSetAttribute(std::uint64_t pool, int, void *value) {
    PLAIN_CALL("cuMemPoolSetAttribute")
    return pool == pool_handle && value != nullptr ? result::success : result::invalid_value;
}

int cuMemPoolTrimTo(std::uint64_t pool, std::size_t) {
    PLAIN_CALL("cuMemPoolTrimTo")
    return pool == pool_handle ? result::success : result::invalid_value;
}

int cuMemHostAlloc(void **address, std::size_t bytes, unsigned flags) {
    CONTEXT_CALL("cuMemHostAlloc")
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    return flags > 7 ? result::invalid_value : allocate_pinned(context, address, bytes);
}

int cuMemAllocHost_v2(void **address, std::size_t bytes) {
    CONTEXT_CALL("cuMemAllocHost_v2")
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    return allocate_pinned(context, address, bytes);
}

int cuMemFreeHost(void *address) {
    PLAIN_CALL("cuMemFreeHost")
    const Allocation *allocation = allocation_at(reinterpret_cast<std::uintptr_t>(address));
    if (allocation == nullptr || allocation->kind != MemoryKind::pinned) {
        return result::invalid_value;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    Context *const context = allocation->context;
    drain_context(context, true);
    count("pinned", -1);
    if (!free_allocation(allocation)) {
        keep_error(context, result::illegal_address);
    }
    return context->sticky;
}

int cuMemHostGetDevicePointer_v2(std::uint64_t *device, void *host, unsigned flags) {
    CONTEXT_CALL("cuMemHostGetDevicePointer_v2")
    if (device == nullptr || flags != 0) {
        return result::invalid_value;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(host);
    const Allocation *allocation = allocation_around(address);
    if (allocation == nullptr || allocation->kind != MemoryKind::pinned) {
        return result::invalid_value;
    }
    *device = address;
    return result::success;
}

int cuMemHostGetFlags(unsigned *flags, void *host) {
    CONTEXT_CALL("cuMemHostGetFlags")
    const Allocation *allocation = allocation_around(reinterpret_cast<std::uintptr_t>(host));
    if (flags == nullptr || allocation == nullptr || allocation->kind != MemoryKind::pinned) {
        return result::invalid_value;
    }
    *flags = 2;
    return result::success;
}

int cuMemGetAddressRange_v2(std::uint64_t *base, std::size_t *bytes, std::uint64_t address) {
    CONTEXT_CALL("cuMemGetAddressRange_v2")
    const Allocation *allocation = allocation_around(address);
    if (allocation == nullptr || !allocation->holds(address, 1)) {
        return result::not_found;
    }
    if (base != nullptr) {
        *base = allocation->address;
    }
    if (bytes != nullptr) {
        *bytes = allocation->bytes;
    }
    return result::success;
}

int cuPointerGetAttribute(void *value, int attribute, std::uint64_t address) {
    PLAIN_CALL("cuPointerGetAttribute")
    const Allocation *allocation = allocation_around(address);
    if (value == nullptr || allocation == nullptr || !allocation->holds(address, 1)) {
        return result::invalid_value;
    }
    const auto set = [value](auto answer) { std::memcpy(value, &answer, sizeof answer); };
    switch (attribute) {
    case 1: // CONTEXT
        set(allocation->context->handle);
        return result::success;
    case 2: // MEMORY_TYPE: 1 host, 2 device
        set(allocation->kind == MemoryKind::device ? 2U : 1U);
        return result::success;
    case 3: // DEVICE_POINTER
        set(address);
        return result::success;
    case 4: // HOST_POINTER
        if (allocation->kind == MemoryKind::device) {
            return result::invalid_value;
        }
        set(address);
        return result::success;
    case 8: // IS_MANAGED
        set(0U);
        return result::success;
    case 9: // DEVICE_ORDINAL
        set(allocation->context->device);
        return result::success;
    case 11: // RANGE_START_ADDR
        set(static_cast<std::uint64_t>(allocation->address));
        return result::success;
    case 12: // RANGE_SIZE
        set(static_cast<std::uint64_t>(allocation->bytes));
        return result::success;
    case 13: // MAPPED
        set(1U);
        return result::success;
    default:
        return result::not_supported;
    }
}

int cuMemcpyHtoD_v2(std::uint64_t to, const void *from, std::size_t bytes) {
    return copy_now("cuMemcpyHtoD_v2", device_end(to), host_end(from), bytes);
}
int cuMemcpyDtoH_v2(void *to, std::uint64_t from, std::size_t bytes) {
    return copy_now("cuMemcpyDtoH_v2", host_end(to), device_end(from), bytes);
}
int cuMemcpyDtoD_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
    return copy_now("cuMemcpyDtoD_v2", device_end(to), device_end(from), bytes);
}
int cuMemcpyHtoDAsync_v2(std::uint64_t to, const void *from, std::size_t bytes,
                         std::uint64_t stream) {
    return copy_later("cuMemcpyHtoDAsync_v2", device_end(to), host_end(from), bytes, stream);
}
int cuMemcpyDtoHAsync_v2(void *to, std::uint64_t from, std::size_t bytes, std::uint64_t stream) {
    return copy_later("cuMemcpyDtoHAsync_v2", host_end(to), device_end(from), bytes, stream);
}
int cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes,
                         std::uint64_t stream) {
    return copy_later("cuMemcpyDtoDAsync_v2", device_end(to), device_end(from), bytes, stream);
}

int cuMemcpy(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    return copy_now("cuMemcpy", any_end(to), any_end(from), bytes);
}
int cuMemcpyAsync(std::uint64_t to, std::uint64_t from, std::size_t bytes, std::uint64_t stream) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    return copy_later("cuMemcpyAsync", any_end(to), any_end(from), bytes, stream);
}

int cuMemsetD8_v2(std::uint64_t address, unsigned char value, std::size_t number) {
    return fill_memory("cuMemsetD8_v2", address, value, 1, number, nullptr);
}
int cuMemsetD32_v2(std::uint64_t address, unsigned value, std::size_t number) {
    return fill_memory("cuMemsetD32_v2", address, value, 4, number, nullptr);
}
int cuMemsetD8Async(std::uint64_t address, unsigned char value, std::size_t number,
                    std::uint64_t stream) {
    return fill_memory("cuMemsetD8Async", address, value, 1, number, &stream);
}
int cuMemsetD32Async(std::uint64_t address, unsigned value, std::size_t number,
                     std::uint64_t stream) {
    return fill_memory("cuMemsetD32Async", address, value, 4, number, &stream);
}
}
