// Modules, functions and launches. Every module has all kernels that are linked in.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "state.h"

using namespace panoptim_virtual;

namespace {

constexpr std::uint32_t fat_binary = 0xba55ed50;
// A cubin is an ELF file.
constexpr std::uint32_t cubin = 0x464c457f;
constexpr char virtual_kernels[] = "panoptim virtual kernels";

// The newest version of PTX that a driver compiles, times ten: the release history in the manual of
// PTX, from CUDA 11.0 on.
int newest_ptx(int cuda) {
    const int minor = cuda % 1000 / 10;
    switch (cuda / 1000) {
    case 11:
        return 70 + minor;
    case 12:
        // 12.6 brought none.
        return 80 + (minor < 6 ? minor : minor - 1);
    default:
        return 90 + minor;
    }
}

// Whether a text is PTX, and of which version, times ten.
bool is_ptx(const char *text, int &version) {
    const char *at = std::strstr(text, ".version ");
    int major = 0;
    int minor = 0;
    if (at == nullptr || (at != text && at[-1] != '\n') ||
        std::sscanf(at, ".version %d.%d", &major, &minor) != 2) {
        return false;
    }
    version = 10 * major + minor;
    return true;
}

// What a driver makes of an image. Machine code is the toolkit's, of CUDA 13.0.
int check_image(const char *image) {
    std::uint32_t magic;
    std::memcpy(&magic, image, sizeof magic);
    if (magic == fat_binary || magic == cubin) {
        return driver_version() < 13000 ? result::no_binary_for_gpu : result::success;
    }
    if (std::strncmp(image, virtual_kernels, sizeof virtual_kernels - 1) == 0) {
        return result::success;
    }
    int ptx;
    if (!is_ptx(image, ptx)) {
        return result::invalid_image;
    }
    return ptx > newest_ptx(driver_version()) ? result::unsupported_ptx_version : result::success;
}

int load(Context *context, std::uint64_t *module, const void *image) {
    if (module == nullptr || image == nullptr) {
        return result::invalid_value;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    if (const int error = check_image(static_cast<const char *>(image)); error != result::success) {
        return error;
    }
    auto made = std::make_shared<Module>();
    made->handle = new_handle();
    made->context = context;
    *module = made->handle;
    state().modules.emplace(made->handle, std::move(made));
    count("modules", 1);
    return result::success;
}

int find_function(std::uint64_t handle, Context *context, Function *&function) {
    const auto it = state().functions.find(handle);
    if (it == state().functions.end()) {
        return result::invalid_handle;
    }
    function = it->second.get();
    return function->module->context == context ? result::success : result::invalid_handle;
}

// The packed parameters of a launch, into at least kernel.bytes bytes.
int read_arguments(const Kernel &kernel, void **parameters, void **extra, unsigned char *packed) {
    if (parameters != nullptr && extra != nullptr) {
        return result::invalid_value;
    }
    if (parameters != nullptr) {
        for (int i = 0; i < kernel.parameters; ++i) {
            if (parameters[i] == nullptr) {
                return result::invalid_value;
            }
            std::memcpy(packed + kernel.offsets[i], parameters[i], kernel.sizes[i]);
        }
        return result::success;
    }
    if (extra == nullptr) {
        return kernel.parameters == 0 ? result::success : result::invalid_value;
    }
    const void *buffer = nullptr;
    const std::size_t *bytes = nullptr;
    for (; *extra != nullptr; extra += 2) {
        switch (reinterpret_cast<std::uintptr_t>(*extra)) {
        case 1: // CU_LAUNCH_PARAM_BUFFER_POINTER
            buffer = extra[1];
            break;
        case 2: // CU_LAUNCH_PARAM_BUFFER_SIZE
            bytes = static_cast<const std::size_t *>(extra[1]);
            break;
        default:
            return result::invalid_value;
        }
    }
    if (buffer == nullptr || bytes == nullptr || *bytes < kernel.bytes) {
        return result::invalid_value;
    }
    std::memcpy(packed, buffer, kernel.bytes);
    return result::success;
}

constexpr std::size_t most_argument_bytes = 32764;

int launch(Context *context, std::uint64_t handle, Extent grid, Extent block, unsigned shared,
           std::uint64_t stream_handle, void **parameters, void **extra) {
    Function *function;
    if (const int error = find_function(handle, context, function); error != result::success) {
        return error;
    }
    Stream *stream;
    if (const int error = find_stream(stream_handle, context, stream); error != result::success) {
        return error;
    }
    const std::uint64_t threads = static_cast<std::uint64_t>(block.x) * block.y * block.z;
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 2147483647 || grid.y > 65535 ||
        grid.z > 65535 || block.x == 0 || block.y == 0 || block.z == 0 || block.x > 1024 ||
        block.y > 1024 || block.z > 64 || threads > 1024 || shared > function->most_shared) {
        return result::invalid_value;
    }
    const Kernel &kernel = *function->kernel;
    if (kernel.bytes > most_argument_bytes) {
        return result::invalid_value;
    }
    // One launch at a time is read here; its memory is kept.
    alignas(64) static unsigned char packed[most_argument_bytes];
    if (const int error = read_arguments(kernel, parameters, extra, packed);
        error != result::success) {
        return error;
    }
    const bool now = !stream->capture && stream->queue.empty() && stream->handle != 0;
    if (now && !deferred()) {
        run_kernel(context, {&kernel, grid, block, shared, packed});
        return result::success;
    }
    Work work;
    work.kind = Work::Kind::kernel;
    work.kernel = &kernel;
    work.grid = grid;
    work.block = block;
    work.shared = shared;
    work.arguments.assign(packed, packed + kernel.bytes);
    return submit(stream, std::move(work));
}

} // namespace

extern "C" {

int cuModuleLoadData(std::uint64_t *module, const void *image) {
    CONTEXT_CALL("cuModuleLoadData")
    return load(context, module, image);
}

int cuModuleLoadDataEx(std::uint64_t *module, const void *image, unsigned, int *, void **) {
    CONTEXT_CALL("cuModuleLoadDataEx")
    return load(context, module, image);
}

int cuModuleLoadFatBinary(std::uint64_t *module, const void *image) {
    CONTEXT_CALL("cuModuleLoadFatBinary")
    return load(context, module, image);
}

int cuModuleUnload(std::uint64_t handle) {
    PLAIN_CALL("cuModuleUnload")
    const auto it = state().modules.find(handle);
    if (it == state().modules.end()) {
        return result::invalid_handle;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    const std::shared_ptr<Module> module = it->second;
    drain_context(module->context, true);
    std::erase_if(state().functions,
                  [&module](const auto &entry) { return entry.second->module == module.get(); });
    state().modules.erase(handle);
    count("modules", -1);
    return module->context->sticky;
}

int cuModuleGetFunction(std::uint64_t *handle, std::uint64_t module, const char *name) {
    CONTEXT_CALL("cuModuleGetFunction")
    if (handle == nullptr || name == nullptr) {
        return result::invalid_value;
    }
    const auto it = state().modules.find(module);
    if (it == state().modules.end()) {
        return result::invalid_handle;
    }
    for (const auto &[number, function] : state().functions) {
        if (function->module == it->second.get() &&
            std::strcmp(function->kernel->name, name) == 0) {
            *handle = number;
            return result::success;
        }
    }
    for (const Kernel *kernel = kernels; kernel != nullptr; kernel = kernel->next) {
        if (std::strcmp(kernel->name, name) == 0) {
            *handle = new_handle();
            state().functions.emplace(*handle, std::make_shared<Function>(Function{
                                                   *handle, kernel, it->second.get(), 48 * 1024}));
            return result::success;
        }
    }
    return result::not_found;
}

int cuModuleGetGlobal_v2(std::uint64_t *address, std::size_t *bytes, std::uint64_t module,
                         const char *name) {
    CONTEXT_CALL("cuModuleGetGlobal_v2")
    if (name == nullptr) {
        return result::invalid_value;
    }
    if (!state().modules.contains(module)) {
        return result::invalid_handle;
    }
    for (const Variable *variable = variables; variable != nullptr; variable = variable->next) {
        if (std::strcmp(variable->name, name) == 0) {
            if (address != nullptr) {
                *address = reinterpret_cast<std::uintptr_t>(variable->address);
            }
            if (bytes != nullptr) {
                *bytes = variable->bytes;
            }
            return result::success;
        }
    }
    return result::not_found;
}

int cuFuncGetAttribute(int *value, int attribute, std::uint64_t handle) {
    CONTEXT_CALL("cuFuncGetAttribute")
    Function *function;
    if (const int error = find_function(handle, context, function); error != result::success) {
        return error;
    }
    if (value == nullptr || attribute < 0 || attribute > 15) {
        return result::invalid_value;
    }
    switch (attribute) {
    case 0: // MAX_THREADS_PER_BLOCK
        *value = 1024;
        break;
    case 4: // NUM_REGS
        *value = 32;
        break;
    case 5: // PTX_VERSION
    case 6: // BINARY_VERSION
        *value = 90;
        break;
    case 8: // MAX_DYNAMIC_SHARED_SIZE_BYTES
        *value = static_cast<int>(function->most_shared);
        break;
    default:
        *value = 0;
        break;
    }
    return result::success;
}

int cuFuncSetAttribute(std::uint64_t handle, int attribute, int value) {
    CONTEXT_CALL("cuFuncSetAttribute")
    Function *function;
    if (const int error = find_function(handle, context, function); error != result::success) {
        return error;
    }
    switch (attribute) {
    case 8: // MAX_DYNAMIC_SHARED_SIZE_BYTES
        if (value < 0 || static_cast<std::size_t>(value) > most_shared_bytes) {
            return result::invalid_value;
        }
        function->most_shared = static_cast<std::size_t>(value);
        return result::success;
    case 9: // PREFERRED_SHARED_MEMORY_CARVEOUT
        return result::success;
    default:
        return result::invalid_value;
    }
}

int cuFuncSetCacheConfig(std::uint64_t handle, int) {
    CONTEXT_CALL("cuFuncSetCacheConfig")
    Function *function;
    return find_function(handle, context, function);
}

int cuFuncGetModule(std::uint64_t *module, std::uint64_t handle) {
    CONTEXT_CALL("cuFuncGetModule")
    Function *function;
    if (const int error = find_function(handle, context, function); error != result::success) {
        return error;
    }
    if (module == nullptr) {
        return result::invalid_value;
    }
    *module = function->module->handle;
    return result::success;
}

static int occupancy(const char *name, int *blocks, std::uint64_t handle, int threads,
                     std::size_t shared) {
    CONTEXT_CALL(name)
    Function *function;
    if (const int error = find_function(handle, context, function); error != result::success) {
        return error;
    }
    if (blocks == nullptr || threads <= 0) {
        return result::invalid_value;
    }
    const int by_threads = threads > 1024 ? 0 : 2048 / ((threads + 31) / 32 * 32);
    const auto by_memory = static_cast<int>(228 * 1024 / (shared + 1024));
    *blocks = std::min({by_threads, by_memory, 32});
    return result::success;
}

int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, std::uint64_t function, int threads,
                                                std::size_t shared) {
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessor", blocks, function, threads,
                     shared);
}

int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, std::uint64_t function,
                                                         int threads, std::size_t shared,
                                                         unsigned) {
    return occupancy("cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", blocks, function,
                     threads, shared);
}

int cuLaunchKernel(std::uint64_t function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                   std::uint64_t stream, void **parameters, void **extra) {
    CONTEXT_CALL("cuLaunchKernel")
    return launch(context, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared,
                  stream, parameters, extra);
}
}
