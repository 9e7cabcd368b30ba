// Stacks and the change between them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace panoptim_virtual {

// A stack with a page below it that nothing can touch.
struct Stack {
    static constexpr std::size_t bytes = 64 * 1024;
    static constexpr std::size_t guard = 4096;

    unsigned char *lowest; // of the guard
    // What is left free above the first frame, another number of cache lines for each neighbour:
    // stacks that begin alike would all lie in the same few sets of a cache.
    std::size_t shift;
    Stack *next_free;

    bool guards(const void *address) const {
        const auto *byte = static_cast<const unsigned char *>(address);
        return byte >= lowest && byte < lowest + guard;
    }

    // A stack pointer that, changed to, enters the function, which must not return.
    void *enter(void (*function)()) const;
};

// A stack of the pool, which keeps what it is given back; null if there is no memory.
Stack *take_stack();
void give_back(Stack *stack);

extern "C" {
// Keeps the calling stack pointer in *kept and goes on at another, which the same call kept.
void panoptim_virtual_change(void **kept, void *other) __attribute__((visibility("hidden")));
// Where the other stack goes on: what a signal handler jumps to with a kept stack pointer.
void panoptim_virtual_resume() __attribute__((visibility("hidden")));
}

} // namespace panoptim_virtual
