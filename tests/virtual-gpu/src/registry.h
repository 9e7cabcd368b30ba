// The kernels and variables that every module has: what the linked-in files of kernels register.
#pragma once

#include <cstddef>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

namespace panoptim_virtual {

struct Kernel {
    static constexpr int most_parameters = 16;

    const char *name;
    // Runs the calling thread's part; the arguments lie as the driver's parameter buffer has them.
    void (*run)(const Kernel &kernel, const unsigned char *arguments);
    void (*address)();
    int parameters;
    std::size_t offsets[most_parameters];
    std::size_t sizes[most_parameters];
    std::size_t bytes; // of all parameters
    const Kernel *next;
};

struct Variable {
    const char *name;
    void *address;
    std::size_t bytes;
    const Variable *next;
};

// An `extern __shared__` array.
struct DynamicShared {
    unsigned char *(*address)(); // the calling thread's
    const DynamicShared *next;
};

// The newest of each; they are chained.
extern const Kernel *kernels;
extern const Variable *variables;
extern const DynamicShared *dynamic_shared;

constexpr std::size_t most_shared_bytes = 227 * 1024;

template <typename... Parameters>
struct RegisteredKernel : Kernel {
    using Function = void (*)(Parameters...);

    RegisteredKernel(const char *kernel_name, Function function) : Kernel{} {
        static_assert(sizeof...(Parameters) <= most_parameters);
        static_assert((std::is_trivially_copyable_v<Parameters> && ...));
        name = kernel_name;
        run = &call;
        address = reinterpret_cast<void (*)()>(function);
        (add(sizeof(Parameters), alignof(Parameters)), ...);
        next = kernels;
        kernels = this;
    }

  private:
    void add(std::size_t size, std::size_t alignment) {
        bytes = (bytes + alignment - 1) / alignment * alignment;
        offsets[parameters] = bytes;
        sizes[parameters] = size;
        bytes += size;
        ++parameters;
    }

    template <typename Parameter>
    static Parameter read(const unsigned char *from) {
        std::remove_const_t<Parameter> value;
        std::memcpy(&value, from, sizeof value);
        return value;
    }

    static void call(const Kernel &kernel, const unsigned char *arguments) {
        call(kernel, arguments, std::index_sequence_for<Parameters...>());
    }

    template <std::size_t... Index>
    static void call(const Kernel &kernel, [[maybe_unused]] const unsigned char *arguments,
                     std::index_sequence<Index...>) {
        const auto function = reinterpret_cast<Function>(kernel.address);
        function(read<Parameters>(arguments + kernel.offsets[Index])...);
    }
};

template <typename... Parameters>
RegisteredKernel(const char *, void (*)(Parameters...)) -> RegisteredKernel<Parameters...>;

struct RegisteredVariable : Variable {
    RegisteredVariable(const char *variable_name, void *place, std::size_t size)
        : Variable{variable_name, place, size, variables} {
        variables = this;
    }
};

struct RegisteredDynamicShared : DynamicShared {
    explicit RegisteredDynamicShared(unsigned char *(*place)())
        : DynamicShared{place, dynamic_shared} {
        dynamic_shared = this;
    }
};

} // namespace panoptim_virtual

// One line for each __global__ function, each __device__ or __constant__ variable that the host
// looks up by name, and each extern __shared__ array.
#define PANOPTIM_VIRTUAL_KERNEL(function)                                                          \
    static panoptim_virtual::RegisteredKernel virtual_kernel_##function(#function, &function);
#define PANOPTIM_VIRTUAL_VARIABLE(variable)                                                        \
    static panoptim_virtual::RegisteredVariable virtual_variable_##variable(                       \
        #variable, const_cast<void *>(static_cast<const void *>(&variable)), sizeof(variable));
#define PANOPTIM_VIRTUAL_DYNAMIC_SHARED(type, name)                                                \
    alignas(16) thread_local type name[panoptim_virtual::most_shared_bytes / sizeof(type)];        \
    static panoptim_virtual::RegisteredDynamicShared virtual_dynamic_##name(                       \
        [] { return reinterpret_cast<unsigned char *>(&name[0]); });
