#include "memory.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace panoptim_virtual {

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t alignment = 16;
constexpr unsigned char garbage = 0xcd;
// Addresses are given out upwards, and never again, from reservations of at least so many bytes: of
// 47 bits of addresses there are 2,048 of them.
constexpr std::size_t reservation = std::size_t{1} << 36;
// What was freed last, for messages.
constexpr std::size_t remembered = 4096;
// Freed bytes that wait for a kernel to begin, at most.
constexpr std::size_t most_open_bytes = std::size_t{64} << 20;

// The largest allocation whose pages are copies of a file's.
constexpr std::size_t most_mapped_bytes = std::size_t{4} << 20;

// Pages, from the first to the one after the last.
struct Range {
    std::uintptr_t first;
    std::uintptr_t end;
};

std::map<std::uintptr_t, Allocation> allocations;
std::deque<Allocation> freed;
// What was freed and can still be touched, with the guard pages around it.
std::vector<Range> open_ranges;
std::size_t open_bytes = 0;
// Untouchable addresses that nobody has had.
Range unused = {0, 0};
std::size_t in_use = 0;

std::uintptr_t end_of_pages(const Allocation &allocation) {
    return allocation.pages + allocation.page_bytes;
}

// The first of so many bytes between two guard pages; 0 if there are none.
std::uintptr_t take_addresses(std::size_t page_bytes) {
    if (unused.end - unused.first < page_bytes + 2 * page) {
        const std::size_t wanted =
            page_bytes + 2 * page > reservation ? page_bytes + 2 * page : reservation;
        void *mapped =
            mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped == MAP_FAILED) {
            return 0;
        }
        unused.first = reinterpret_cast<std::uintptr_t>(mapped);
        unused.end = unused.first + wanted;
    }
    const std::uintptr_t pages = unused.first + page;
    // Neighbours share the page between them.
    unused.first = pages + page_bytes;
    return pages;
}

void *pointer(std::uintptr_t address) {
    return reinterpret_cast<void *>(address);
}

bool is_garbage(std::uintptr_t from, std::uintptr_t to) {
    for (std::uintptr_t byte = from; byte < to; ++byte) {
        if (*reinterpret_cast<const unsigned char *>(byte) != garbage) {
            return false;
        }
    }
    return true;
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
    freed.push_back(allocation);
    if (freed.size() > remembered) {
        freed.pop_front();
    }
    open_ranges.push_back({allocation.pages - page, end_of_pages(allocation) + page});
    open_bytes += allocation.page_bytes;
    if (open_bytes > most_open_bytes) {
        close_freed();
    }
    if (allocation.kind == MemoryKind::device) {
        in_use -= allocation.bytes;
    }
    return whole;
}

// A file of garbage; -1 if there is none.
int garbage_file() {
    static const int file = [] {
        const int created = memfd_create("garbage", MFD_CLOEXEC);
        const std::vector<unsigned char> bytes(most_mapped_bytes, garbage);
        std::size_t done = 0;
        while (created >= 0 && done < bytes.size()) {
            const ssize_t count = write(created, bytes.data() + done, bytes.size() - done);
            if (count <= 0) {
                close(created);
                return -1;
            }
            done += static_cast<std::size_t>(count);
        }
        return created;
    }();
    return file;
}

// Pages full of garbage: those of a file where there are few, of which only what is written costs
// memory and time.
bool map_garbage(std::uintptr_t pages, std::size_t bytes) {
    constexpr int kept = MAP_PRIVATE | MAP_NORESERVE | MAP_FIXED;
    constexpr int access = PROT_READ | PROT_WRITE;
    if (bytes <= most_mapped_bytes && garbage_file() >= 0) {
        return mmap(pointer(pages), bytes, access, kept, garbage_file(), 0) != MAP_FAILED;
    }
    if (mmap(pointer(pages), bytes, access, kept | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) ==
        MAP_FAILED) {
        return false;
    }
    std::memset(pointer(pages), garbage, bytes);
    return true;
}

} // namespace

void close_freed() {
    std::sort(open_ranges.begin(), open_ranges.end(),
              [](const Range &a, const Range &b) { return a.first < b.first; });
    for (std::size_t i = 0; i < open_ranges.size();) {
        Range range = open_ranges[i];
        for (++i; i < open_ranges.size() && open_ranges[i].first <= range.end; ++i) {
            range.end = open_ranges[i].end;
        }
        // A new mapping in place of the old gives the memory back.
        mmap(pointer(range.first), range.end - range.first, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    }
    open_ranges.clear();
    open_bytes = 0;
}

const Allocation *allocate(std::size_t bytes, MemoryKind kind, Context *context) {
    const std::size_t page_bytes = (bytes + page - 1) / page * page;
    if (bytes == 0 || page_bytes < bytes) {
        return nullptr;
    }
    const std::uintptr_t pages = take_addresses(page_bytes);
    if (pages == 0 || !map_garbage(pages, page_bytes)) {
        return nullptr;
    }
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
