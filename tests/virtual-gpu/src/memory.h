// Device memory: each allocation stands alone between pages that nothing can touch, so that a
// kernel's step over an end, or into memory that was freed, is a fault.
#pragma once

#include <cstddef>
#include <cstdint>

namespace panoptim_virtual {

struct Context;

enum class MemoryKind { device, pinned };

struct Allocation {
    std::uintptr_t address;
    std::size_t bytes;
    std::uintptr_t pages; // the first page that can be touched
    std::size_t page_bytes;
    MemoryKind kind;
    Context *context;

    bool holds(std::uintptr_t first, std::size_t count) const {
        return first >= address && count <= bytes && first - address <= bytes - count;
    }
};

// Memory filled with 0xCD that ends at a guard page, but for what an alignment of 16 bytes leaves.
// Null if there is none.
const Allocation *allocate(std::size_t bytes, MemoryKind kind, Context *context);

// The allocation that begins at an address, or that an address is in or at the end of; or null.
const Allocation *allocation_at(std::uintptr_t address);
const Allocation *allocation_around(std::uintptr_t address);

// False if something was written just outside it. The next kernel cannot touch the memory.
bool free_allocation(const Allocation *allocation);

// Makes what was freed untouchable, neighbours together: to take a page away interrupts every
// processor that runs one of the process's threads.
void close_freed();

// Frees whatever belongs to a context.
void free_allocations(const Context *context);

// Device memory in use, in bytes.
std::size_t allocated_bytes();

// For messages: " (16 bytes after an allocation of 400 bytes)" or the like.
void describe_memory(const void *address, char *text, std::size_t size);

} // namespace panoptim_virtual
