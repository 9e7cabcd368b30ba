// What streams are given to do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine.h"

namespace panoptim_virtual {

struct Event;
struct Context;

struct Work {
    enum class Kind { kernel, copy, fill, host, library, record, wait, release };

    Kind kind{};
    std::uint64_t sequence = 0; // of its submission
    // kernel
    const Kernel *kernel = nullptr;
    Extent grid{};
    Extent block{};
    std::size_t shared = 0;
    std::vector<unsigned char> arguments;
    // copy, fill, release: host or device addresses
    std::uintptr_t to = 0;
    std::uintptr_t from = 0;
    std::size_t bytes = 0;
    bool to_device = false;
    bool from_device = false;
    std::uint32_t value = 0;
    std::size_t value_bytes = 0;
    // What a pageable source held when the copy was submitted.
    std::shared_ptr<std::vector<unsigned char>> staged;
    // host
    std::function<void()> function;
    // library: what another library does on the device; a CUresult
    int (*run)(const void *) = nullptr;
    // record, wait
    std::shared_ptr<Event> event;
    std::uint64_t generation = 0;
};

} // namespace panoptim_virtual
