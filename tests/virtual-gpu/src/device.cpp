// Initialization, devices and contexts.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

#include "state.h"

using namespace panoptim_virtual;

namespace {

int number(const char *variable, int otherwise) {
    const char *text = std::getenv(variable);
    return text == nullptr ? otherwise : std::atoi(text);
}

// Attributes that are not 0, of a small device of compute capability 9.0.
int attribute(int which) {
    switch (which) {
    case 1: // MAX_THREADS_PER_BLOCK
        return 1024;
    case 2: // MAX_BLOCK_DIM_X
    case 3: // MAX_BLOCK_DIM_Y
        return 1024;
    case 4: // MAX_BLOCK_DIM_Z
        return 64;
    case 5: // MAX_GRID_DIM_X
        return 2147483647;
    case 6: // MAX_GRID_DIM_Y
    case 7: // MAX_GRID_DIM_Z
        return 65535;
    case 8: // MAX_SHARED_MEMORY_PER_BLOCK
        return 48 * 1024;
    case 9: // TOTAL_CONSTANT_MEMORY
        return 64 * 1024;
    case 10: // WARP_SIZE
        return 32;
    case 11: // MAX_PITCH
        return 2147483647;
    case 12: // MAX_REGISTERS_PER_BLOCK
        return 65536;
    case 13: // CLOCK_RATE, in kHz
        return 1000000;
    case 14: // TEXTURE_ALIGNMENT
        return 512;
    case 15: // GPU_OVERLAP
        return 1;
    case 16: // MULTIPROCESSOR_COUNT
        return 4;
    case 19: // CAN_MAP_HOST_MEMORY
        return 1;
    case 31: // CONCURRENT_KERNELS
        return 1;
    case 33: // PCI_BUS_ID
        return 1;
    case 36: // MEMORY_CLOCK_RATE, in kHz
        return 1000000;
    case 37: // GLOBAL_MEMORY_BUS_WIDTH, in bits
        return 64;
    case 38: // L2_CACHE_SIZE
        return 1 << 20;
    case 39: // MAX_THREADS_PER_MULTIPROCESSOR
        return 2048;
    case 40: // ASYNC_ENGINE_COUNT
        return 1;
    case 41: // UNIFIED_ADDRESSING
        return 1;
    case 75: // COMPUTE_CAPABILITY_MAJOR
        return 9;
    case 78: // STREAM_PRIORITIES_SUPPORTED
    case 79: // GLOBAL_L1_CACHE_SUPPORTED
    case 80: // LOCAL_L1_CACHE_SUPPORTED
        return 1;
    case 81: // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
        return 228 * 1024;
    case 82: // MAX_REGISTERS_PER_MULTIPROCESSOR
        return 65536;
    case 97: // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
        return static_cast<int>(most_shared_bytes);
    case 106: // MAX_BLOCKS_PER_MULTIPROCESSOR
        return 32;
    case 111: // RESERVED_SHARED_MEMORY_PER_BLOCK
        return 1024;
    case 115: // MEMORY_POOLS_SUPPORTED
        return 1;
    default:
        return 0;
    }
}

std::size_t memory_bytes() {
    const char *text = std::getenv("PANOPTIM_VIRTUAL_MEMORY");
    return text == nullptr ? std::size_t{8} << 30 : std::strtoull(text, nullptr, 0);
}

bool is_device(int device) {
    return device >= 0 && device < device_count();
}

Context *new_context(int device, bool primary) {
    auto made = std::make_unique<Context>();
    made->handle = new_handle();
    made->device = device;
    made->primary = primary;
    Context *context = made.get();
    state().contexts.push_back(std::move(made));
    return context;
}

// A context by handle; 0 is none.
int find_context(std::uint64_t handle, Context *&context) {
    context = nullptr;
    if (handle == 0) {
        return result::success;
    }
    for (const auto &each : state().contexts) {
        if (each->handle == handle) {
            context = each.get();
            return context->destroyed ? result::context_is_destroyed : result::success;
        }
    }
    return result::invalid_context;
}

Context *primary_of(int device) {
    const auto it = state().primary.find(device);
    return it == state().primary.end() ? nullptr : it->second;
}

const char *error_name(int error) {
    switch (error) {
#define RESULT(name, number, cuda, text)                                                           \
    case number:                                                                                   \
        return #cuda;
#include "results.def"
#undef RESULT
    default:
        return nullptr;
    }
}

const char *error_text(int error) {
    switch (error) {
#define RESULT(name, number, cuda, text)                                                           \
    case number:                                                                                   \
        return text;
#include "results.def"
#undef RESULT
    default:
        return nullptr;
    }
}

} // namespace

namespace panoptim_virtual {

std::size_t total_memory() {
    return memory_bytes();
}

} // namespace panoptim_virtual

extern "C" {

int cuInit(unsigned flags) {
    const Call call("cuInit", false);
    if (call.error != result::success) {
        return call.error;
    }
    if (flags != 0) {
        return result::invalid_value;
    }
    if (device_count() == 0) {
        return result::no_device;
    }
    state().initialized = true;
    if (std::getenv("PANOPTIM_VIRTUAL_EMPTY") != nullptr) {
        leave_out = number("PANOPTIM_VIRTUAL_EMPTY", 0) != 0;
    }
    return result::success;
}

int cuDriverGetVersion(int *version) {
    const Call call("cuDriverGetVersion", false);
    if (call.error != result::success) {
        return call.error;
    }
    if (version == nullptr) {
        return result::invalid_value;
    }
    *version = driver_version();
    return result::success;
}

int cuGetErrorName(int error, const char **name) {
    if (name == nullptr) {
        return result::invalid_value;
    }
    *name = error_name(error);
    return *name == nullptr ? result::invalid_value : result::success;
}

int cuGetErrorString(int error, const char **text) {
    if (text == nullptr) {
        return result::invalid_value;
    }
    *text = error_text(error);
    return *text == nullptr ? result::invalid_value : result::success;
}

int cuDeviceGetCount(int *count) {
    PLAIN_CALL("cuDeviceGetCount")
    if (count == nullptr) {
        return result::invalid_value;
    }
    *count = device_count();
    return result::success;
}

int cuDeviceGet(int *device, int ordinal) {
    PLAIN_CALL("cuDeviceGet")
    if (device == nullptr) {
        return result::invalid_value;
    }
    if (!is_device(ordinal)) {
        return result::invalid_device;
    }
    *device = ordinal;
    return result::success;
}

int cuDeviceGetName(char *name, int length, int device) {
    PLAIN_CALL("cuDeviceGetName")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (name == nullptr || length <= 0) {
        return result::invalid_value;
    }
    std::snprintf(name, static_cast<std::size_t>(length), "Panoptim virtual GPU");
    return result::success;
}

int cuDeviceGetAttribute(int *value, int which, int device) {
    PLAIN_CALL("cuDeviceGetAttribute")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (value == nullptr || which < 1 || which > 160) {
        return result::invalid_value;
    }
    *value = attribute(which);
    return result::success;
}

int cuDeviceComputeCapability(int *major, int *minor, int device) {
    PLAIN_CALL("cuDeviceComputeCapability")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (major == nullptr || minor == nullptr) {
        return result::invalid_value;
    }
    *major = attribute(75);
    *minor = attribute(76);
    return result::success;
}

int cuDeviceTotalMem_v2(std::size_t *bytes, int device) {
    PLAIN_CALL("cuDeviceTotalMem_v2")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (bytes == nullptr) {
        return result::invalid_value;
    }
    *bytes = memory_bytes();
    return result::success;
}

static int uuid(const char *name, unsigned char *id, int device) {
    PLAIN_CALL(name)
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (id == nullptr) {
        return result::invalid_value;
    }
    std::memcpy(id, "panoptim-virtual", 16);
    id[15] = static_cast<unsigned char>('0' + device);
    return result::success;
}

int cuDeviceGetUuid(unsigned char *id, int device) {
    return uuid("cuDeviceGetUuid", id, device);
}
int cuDeviceGetUuid_v2(unsigned char *id, int device) {
    return uuid("cuDeviceGetUuid_v2", id, device);
}

int cuDevicePrimaryCtxRetain(std::uint64_t *handle, int device) {
    PLAIN_CALL("cuDevicePrimaryCtxRetain")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (handle == nullptr) {
        return result::invalid_value;
    }
    Context *context = primary_of(device);
    if (context == nullptr) {
        context = new_context(device, true);
        state().primary[device] = context;
    }
    ++context->retained;
    *handle = context->handle;
    count("contexts", 1);
    return result::success;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
    PLAIN_CALL("cuDevicePrimaryCtxRelease_v2")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    Context *context = primary_of(device);
    if (context == nullptr) {
        return result::invalid_context;
    }
    count("contexts", -1);
    if (--context->retained == 0) {
        destroy_context(context);
        state().primary.erase(device);
    }
    return result::success;
}

int cuDevicePrimaryCtxReset_v2(int device) {
    PLAIN_CALL("cuDevicePrimaryCtxReset_v2")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (Context *context = primary_of(device)) {
        count("contexts", -context->retained);
        destroy_context(context);
        state().primary.erase(device);
    }
    return result::success;
}

int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    PLAIN_CALL("cuDevicePrimaryCtxGetState")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (flags == nullptr || active == nullptr) {
        return result::invalid_value;
    }
    *flags = 0;
    *active = primary_of(device) != nullptr ? 1 : 0;
    return result::success;
}

int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned) {
    PLAIN_CALL("cuDevicePrimaryCtxSetFlags_v2")
    return is_device(device) ? result::success : result::invalid_device;
}

int cuCtxCreate_v2(std::uint64_t *handle, unsigned, int device) {
    PLAIN_CALL("cuCtxCreate_v2")
    if (!is_device(device)) {
        return result::invalid_device;
    }
    if (handle == nullptr) {
        return result::invalid_value;
    }
    Context *context = new_context(device, false);
    context_stack().push_back(context);
    *handle = context->handle;
    count("contexts", 1);
    return result::success;
}

int cuCtxDestroy_v2(std::uint64_t handle) {
    PLAIN_CALL("cuCtxDestroy_v2")
    Context *context;
    if (const int error = find_context(handle, context); error != result::success) {
        return error;
    }
    if (context == nullptr || context->primary) {
        return result::invalid_context;
    }
    destroy_context(context);
    count("contexts", -1);
    std::vector<Context *> &stack = context_stack();
    if (!stack.empty() && stack.back() == context) {
        stack.pop_back();
    }
    return result::success;
}

int cuCtxSetCurrent(std::uint64_t handle) {
    PLAIN_CALL("cuCtxSetCurrent")
    Context *context;
    if (const int error = find_context(handle, context); error != result::success) {
        return error;
    }
    std::vector<Context *> &stack = context_stack();
    if (!stack.empty()) {
        stack.pop_back();
    }
    if (context != nullptr) {
        stack.push_back(context);
    }
    return result::success;
}

int cuCtxGetCurrent(std::uint64_t *handle) {
    PLAIN_CALL("cuCtxGetCurrent")
    if (handle == nullptr) {
        return result::invalid_value;
    }
    const std::vector<Context *> &stack = context_stack();
    *handle = stack.empty() ? 0 : stack.back()->handle;
    return result::success;
}

int cuCtxPushCurrent_v2(std::uint64_t handle) {
    PLAIN_CALL("cuCtxPushCurrent_v2")
    Context *context;
    if (const int error = find_context(handle, context); error != result::success) {
        return error;
    }
    if (context == nullptr) {
        return result::invalid_context;
    }
    context_stack().push_back(context);
    return result::success;
}

int cuCtxPopCurrent_v2(std::uint64_t *handle) {
    PLAIN_CALL("cuCtxPopCurrent_v2")
    std::vector<Context *> &stack = context_stack();
    if (stack.empty()) {
        return result::invalid_context;
    }
    if (handle != nullptr) {
        *handle = stack.back()->handle;
    }
    stack.pop_back();
    return result::success;
}

int cuCtxGetDevice(int *device) {
    CONTEXT_CALL("cuCtxGetDevice")
    if (device == nullptr) {
        return result::invalid_value;
    }
    *device = context->device;
    return result::success;
}

int cuCtxGetFlags(unsigned *flags) {
    CONTEXT_CALL("cuCtxGetFlags")
    if (flags == nullptr) {
        return result::invalid_value;
    }
    *flags = 0;
    return result::success;
}

int cuCtxGetApiVersion(std::uint64_t, unsigned *version) {
    CONTEXT_CALL("cuCtxGetApiVersion")
    if (version == nullptr) {
        return result::invalid_value;
    }
    *version = 3020;
    return result::success;
}

int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    CONTEXT_CALL("cuCtxGetStreamPriorityRange")
    if (least != nullptr) {
        *least = 0;
    }
    if (greatest != nullptr) {
        *greatest = 0;
    }
    return result::success;
}

int cuCtxSynchronize() {
    CONTEXT_CALL("cuCtxSynchronize")
    for (const auto &capture : state().captures) {
        if (capture->origin->context == context) {
            invalidate(*capture);
            return result::capture_unsupported;
        }
    }
    drain_context(context, true);
    return context->sticky;
}

// The address of a call by its name without version, as this driver serves it.
int cuGetProcAddress_v2(const char *symbol, void **address, int, std::uint64_t, int *status) {
    if (symbol == nullptr || address == nullptr) {
        return result::invalid_value;
    }
    *address = nullptr;
    Dl_info self;
    if (dladdr(reinterpret_cast<void *>(&cuInit), &self) != 0) {
        if (void *library = dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD)) {
            for (const char *version : {"_v3", "_v2", ""}) {
                const std::string name = std::string(symbol) + version;
                if (*address == nullptr) {
                    *address = dlsym(library, name.c_str());
                }
            }
            dlclose(library);
        }
    }
    if (status != nullptr) {
        *status = *address == nullptr ? 1 : 0;
    }
    return *address == nullptr ? result::not_found : result::success;
}
}
