#include "fiber.h"

#include <sys/mman.h>

namespace panoptim_virtual {

// System V, x86-64: a call preserves rbx, rbp, r12 to r15 and the control words, which no kernel
// changes.
__asm__(R"(
    .text
    .p2align 4
    .hidden panoptim_virtual_change
    .globl panoptim_virtual_change
    .type panoptim_virtual_change, @function
panoptim_virtual_change:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    .hidden panoptim_virtual_resume
    .globl panoptim_virtual_resume
    .type panoptim_virtual_resume, @function
panoptim_virtual_resume:
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size panoptim_virtual_resume, . - panoptim_virtual_resume
    .size panoptim_virtual_change, . - panoptim_virtual_change
)");

namespace {

constexpr std::size_t slab_stacks = 64;
Stack *free_stacks = nullptr;

} // namespace

void *Stack::enter(void (*function)()) const {
    auto *words = reinterpret_cast<std::uintptr_t *>(lowest + guard + bytes - shift);
    // At a function's entry the stack pointer is 8 short of a multiple of 16.
    *--words = 0;
    *--words = reinterpret_cast<std::uintptr_t>(function);
    for (int saved = 0; saved < 6; ++saved) {
        *--words = 0;
    }
    return words;
}

Stack *take_stack() {
    if (free_stacks == nullptr) {
        constexpr std::size_t stride = Stack::guard + Stack::bytes;
        void *slab = mmap(nullptr, slab_stacks * stride, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (slab == MAP_FAILED) {
            return nullptr;
        }
        auto *stacks = new Stack[slab_stacks];
        for (std::size_t i = 0; i < slab_stacks; ++i) {
            stacks[i].lowest = static_cast<unsigned char *>(slab) + i * stride;
            stacks[i].shift = i * 64;
            mprotect(stacks[i].lowest, Stack::guard, PROT_NONE);
            give_back(&stacks[i]);
        }
    }
    Stack *stack = free_stacks;
    free_stacks = stack->next_free;
    return stack;
}

void give_back(Stack *stack) {
    stack->next_free = free_stacks;
    free_stacks = stack;
}

} // namespace panoptim_virtual
