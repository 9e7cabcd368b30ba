#include "memory.h"

#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <sys/mman.h>

namespace panoptim_virtual {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t alignment = 16;
constexpr unsigned char garbage = 0xcd;
// Freed allocations whose addresses are not given out again yet.
constexpr std::size_t quarantine = 4096;

std::map<std::uintptr_t, Allocation> allocations;
std::deque<Allocation> freed;
std::size_t in_use = 0;

std::uintptr_t end_of_pages(const Allocation &allocation) {
    return allocation.pages + allocation.page_bytes;
}

bool is_garbage(std::uintptr_t from, std::uintptr_t to) {
    for (std::uintptr_t byte = from; byte < to; ++byte) {
        if (*reinterpret_cast<const unsigned char *>(byte) != garbage) {
            return false;
        }
    }
    return true;
}

void unmap(const Allocation &allocation) {
    munmap(reinterpret_cast<void *>(allocation.pages - page), allocation.page_bytes + 2 * page);
}

bool close_memory(const Allocation &allocation) {
    const bool whole = is_garbage(allocation.pages, allocation.address) &&
                       is_garbage(allocation.address + allocation.bytes, end_of_pages(allocation));
    if (!whole) {
        std::fprintf(stderr,
                     "virtual GPU: something was written outside the allocation of %zu bytes at "
                     "%#zx, found when it was freed\n",
                     allocation.bytes, allocation.address);
    }
    void *pages = reinterpret_cast<void *>(allocation.pages);
    // A new mapping in place of the old gives the memory back.
    mmap(pages, allocation.page_bytes, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    freed.push_back(allocation);
    if (freed.size() > quarantine) {
        unmap(freed.front());
        freed.pop_front();
    }
    if (allocation.kind == MemoryKind::device) {
        in_use -= allocation.bytes;
    }
    return whole;
}

} // namespace

const Allocation *allocate(std::size_t bytes, MemoryKind kind, Context *context) {
    const std::size_t page_bytes = (bytes + page - 1) / page * page;
    if (bytes == 0 || page_bytes < bytes) {
        return nullptr;
    }
    void *mapped = mmap(nullptr, page_bytes + 2 * page, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) {
        return nullptr;
    }
    const std::uintptr_t pages = reinterpret_cast<std::uintptr_t>(mapped) + page;
    if (mprotect(reinterpret_cast<void *>(pages), page_bytes, PROT_READ | PROT_WRITE) != 0) {
        munmap(mapped, page_bytes + 2 * page);
        return nullptr;
    }
    std::memset(reinterpret_cast<void *>(pages), garbage, page_bytes);
    const std::uintptr_t address = (pages + page_bytes - bytes) / alignment * alignment;
    if (kind == MemoryKind::device) {
        in_use += bytes;
    }
    return &allocations
                .emplace(address, Allocation{address, bytes, pages, page_bytes, kind, context})
                .first->second;
}

const Allocation *allocation_at(std::uintptr_t address) {
    const auto it = allocations.find(address);
    return it == allocations.end() ? nullptr : &it->second;
}

const Allocation *allocation_around(std::uintptr_t address) {
    auto it = allocations.upper_bound(address);
    if (it == allocations.begin()) {
        return nullptr;
    }
    --it;
    return it->second.holds(address, 0) ? &it->second : nullptr;
}

bool free_allocation(const Allocation *allocation) {
    const Allocation gone = *allocation;
    allocations.erase(gone.address);
    return close_memory(gone);
}

void free_allocations(const Context *context) {
    for (auto next = allocations.begin(); next != allocations.end();) {
        if (next->second.context == context) {
            close_memory(next->second);
            next = allocations.erase(next);
        } else {
            ++next;
        }
    }
}

std::size_t allocated_bytes() {
    return in_use;
}

void describe_memory(const void *address, char *text, std::size_t size) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    for (auto old = freed.rbegin(); old != freed.rend(); ++old) {
        if (old->holds(wanted, 1)) {
            std::snprintf(text, size, ", byte %zu of an allocation of %zu bytes that was freed",
                          wanted - old->address, old->bytes);
            return;
        }
    }
    for (const auto &[start, allocation] : allocations) {
        const std::uintptr_t end = start + allocation.bytes;
        if (wanted >= end && wanted - end <= 2 * page) {
            std::snprintf(text, size, ", %zu bytes after the end of an allocation of %zu bytes",
                          wanted - end, allocation.bytes);
            return;
        }
        if (wanted < start && start - wanted <= 2 * page) {
            std::snprintf(text, size, ", %zu bytes before an allocation of %zu bytes",
                          start - wanted, allocation.bytes);
            return;
        }
    }
    std::snprintf(text, size, ", which no allocation is near");
}

} // namespace panoptim_virtual
