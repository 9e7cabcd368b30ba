// One fiber for each thread of a block, a few blocks side by side. A fiber runs until it waits;
// then the next one that can go on does, in the order chosen. A thread that never waits needs no
// change of stack at all: the next one starts where it ended.
#include "engine.h"

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "fiber.h"
#include "results.h"
#include "virtual_cuda.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace panoptim_virtual {

constinit const Kernel *kernels = nullptr;
constinit const Variable *variables = nullptr;
constinit const DynamicShared *dynamic_shared = nullptr;
Describe describe_address = nullptr;

namespace {

constexpr unsigned most_threads = 1024;
constexpr unsigned resident_blocks = 4;
constexpr unsigned lanes = 32;
constexpr unsigned char garbage = 0xcd;
// Atomics and fences of one thread before it lets others go on.
constexpr unsigned patience = 32;

enum class State : unsigned char { fresh, ready, asleep, at_barrier, at_warp, done };

struct Thread {
    State state;
    WarpOperation operation;
    uint3 index;
    Stack *stack; // null until it first waits
    void *kept;
    Site site; // where it waits
    unsigned mask;
    unsigned source;
    std::uint64_t value;
    std::uint64_t result;
};

struct Block {
    bool resident;
    uint3 index;
    unsigned finished;
    unsigned waiting; // at the barrier
    unsigned agreeing;
    unsigned barrier_result;
    Site barrier_site; // of the threads that wait
    unsigned asleep;
    unsigned char at_warp[most_threads / lanes]; // of each warp, the threads that wait there
    unsigned position;                           // in the order, of the thread that ran last
    unsigned char *shared;                       // contents, while another block runs
    std::uint16_t order[most_threads];
    Thread threads[most_threads];
};

enum class Order { forward, reverse, random };

// The one kernel that runs.
struct Grid {
    Launch launch;
    unsigned threads; // a block
    std::uint64_t blocks;
    std::uint64_t begun;
    std::uint64_t stride; // of the blocks' order, coprime to their number
    std::uint64_t first;
    Order order;
    std::uint64_t random;
    Block *block;
    Thread *thread;
    unsigned spins;
    unsigned rotations;
    time_t deadline;
    void *caller; // the stack that launched
    bool running;
    pthread_t runner;
    int error;
    // What a signal left behind.
    int signal;
    int code;
    const void *address;
};

Grid grid;
Block *blocks = nullptr;
char chosen_order[32] = "";

std::uint64_t next_random() {
    grid.random ^= grid.random << 13;
    grid.random ^= grid.random >> 7;
    grid.random ^= grid.random << 17;
    return grid.random;
}

// Shared memory: this library's thread-local storage, less the dynamic arrays' unused parts.

thread_local unsigned char anchor = 0;
std::size_t anchor_offset = 0;
std::size_t storage_bytes = 0;

int find_storage(dl_phdr_info *info, std::size_t, void *) {
    const auto here = reinterpret_cast<std::uintptr_t>(&find_storage);
    bool ours = false;
    const ElfW(Phdr) *storage = nullptr;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr) &header = info->dlpi_phdr[i];
        const std::uintptr_t start = info->dlpi_addr + header.p_vaddr;
        if (header.p_type == PT_LOAD && here >= start && here < start + header.p_memsz) {
            ours = true;
        }
        if (header.p_type == PT_TLS) {
            storage = &header;
        }
    }
    if (!ours || storage == nullptr || info->dlpi_tls_data == nullptr) {
        return ours ? 1 : 0;
    }
    anchor_offset =
        static_cast<std::size_t>(&anchor - static_cast<unsigned char *>(info->dlpi_tls_data));
    storage_bytes = storage->p_memsz;
    return 1;
}

// Calls use(address, offset, bytes) for each piece of shared memory that the launch can reach.
template <typename Use>
void each_shared_piece(Use use) {
    unsigned char *const base = &anchor - anchor_offset;
    std::size_t from = 0;
    // The dynamic arrays, by address: there are few.
    for (;;) {
        std::size_t next = storage_bytes;
        for (const DynamicShared *d = dynamic_shared; d != nullptr; d = d->next) {
            const auto offset = static_cast<std::size_t>(d->address() - base);
            if (offset >= from && offset < next) {
                next = offset;
            }
        }
        if (next == storage_bytes) {
            use(base + from, from, storage_bytes - from);
            return;
        }
        use(base + from, from, next - from + grid.launch.shared);
        from = next + most_shared_bytes / 16 * 16;
    }
}

void prepare_blocks() {
    anchor = garbage;
    dl_iterate_phdr(find_storage, nullptr);
    blocks = static_cast<Block *>(std::calloc(resident_blocks, sizeof(Block)));
    for (unsigned i = 0; i < resident_blocks; ++i) {
        blocks[i].shared = static_cast<unsigned char *>(std::malloc(storage_bytes));
    }
}

// Errors.

[[noreturn]] void leave() {
    void *abandoned;
    panoptim_virtual_change(&abandoned, grid.caller);
    __builtin_unreachable();
}

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

void say(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const uint3 b = grid.block->index;
    const uint3 t = grid.thread->index;
    std::fprintf(stderr, "virtual GPU: kernel %s, block (%u, %u, %u), thread (%u, %u, %u): %s\n",
                 grid.launch.kernel->name, b.x, b.y, b.z, t.x, t.y, t.z, text);
}

[[noreturn]] void fail(int error) {
    grid.error = error;
    leave();
}

// Choosing who goes on.

void start_block(Block &block) {
    std::uint64_t linear = grid.begun++;
    if (grid.order == Order::reverse) {
        linear = grid.blocks - 1 - linear;
    } else if (grid.order == Order::random) {
        linear = static_cast<std::uint64_t>(
            (static_cast<unsigned __int128>(linear) * grid.stride + grid.first) % grid.blocks);
    }
    const Extent &extent = grid.launch.grid;
    block.index.x = static_cast<unsigned>(linear % extent.x);
    block.index.y = static_cast<unsigned>(linear / extent.x % extent.y);
    block.index.z = static_cast<unsigned>(linear / extent.x / extent.y);
    block.resident = true;
    block.finished = 0;
    block.waiting = 0;
    block.agreeing = 0;
    block.asleep = 0;
    std::memset(block.at_warp, 0, sizeof block.at_warp);
    block.position = grid.threads - 1;
    uint3 index{0, 0, 0};
    for (unsigned i = 0; i < grid.threads; ++i) {
        Thread &thread = block.threads[i];
        thread.state = State::fresh;
        thread.index = index;
        thread.stack = nullptr;
        if (++index.x == grid.launch.block.x) {
            index.x = 0;
            if (++index.y == grid.launch.block.y) {
                index.y = 0;
                ++index.z;
            }
        }
        block.order[i] =
            static_cast<std::uint16_t>(grid.order == Order::reverse ? grid.threads - 1 - i : i);
    }
    if (grid.order == Order::random) {
        for (unsigned i = grid.threads - 1; i > 0; --i) {
            const auto other = static_cast<unsigned>(next_random() % (i + 1));
            const std::uint16_t kept = block.order[i];
            block.order[i] = block.order[other];
            block.order[other] = kept;
        }
    }
}

void enter_block(Block &block) {
    grid.block = &block;
    blockIdx = block.index;
}

void keep_shared() {
    each_shared_piece([](unsigned char *from, std::size_t offset, std::size_t bytes) {
        std::memcpy(grid.block->shared + offset, from, bytes);
    });
}

void restore_shared() {
    each_shared_piece([](unsigned char *to, std::size_t offset, std::size_t bytes) {
        std::memcpy(to, grid.block->shared + offset, bytes);
    });
}

void start_here(Block &block) {
    start_block(block);
    each_shared_piece(
        [](unsigned char *to, std::size_t, std::size_t bytes) { std::memset(to, garbage, bytes); });
    enter_block(block);
}

// After the current block is done: another one, or none.
bool replace_block() {
    grid.block->resident = false;
    if (grid.begun < grid.blocks) {
        start_here(*grid.block);
        return true;
    }
    for (unsigned i = 0; i < resident_blocks; ++i) {
        if (blocks[i].resident) {
            enter_block(blocks[i]);
            restore_shared();
            return true;
        }
    }
    return false;
}

// Leaves the current block for the next one, which may be the same.
void rotate_blocks() {
    if (++grid.rotations % 4096 == 0) {
        timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > grid.deadline) {
            say("the kernel has not ended in time; a thread waits for something that never comes");
            fail(result::launch_timeout);
        }
    }
    const auto current = static_cast<unsigned>(grid.block - blocks);
    for (unsigned step = 1; step < resident_blocks; ++step) {
        Block &other = blocks[(current + step) % resident_blocks];
        if (!other.resident && grid.begun == grid.blocks) {
            continue;
        }
        keep_shared();
        if (other.resident) {
            enter_block(other);
            restore_shared();
        } else {
            start_here(other);
        }
        return;
    }
}

const char *file_name(const char *path) {
    const char *slash = std::strrchr(path, '/');
    return slash == nullptr ? path : slash + 1;
}

// No thread of the block can go on and none sleeps.
[[noreturn]] void stuck() {
    Block &block = *grid.block;
    const Thread *waiting = nullptr;
    unsigned at_barrier = 0;
    unsigned at_warp = 0;
    for (unsigned i = 0; i < grid.threads; ++i) {
        const Thread &thread = block.threads[i];
        at_barrier += thread.state == State::at_barrier ? 1U : 0U;
        at_warp += thread.state == State::at_warp ? 1U : 0U;
        const bool waits = thread.state == State::at_barrier || thread.state == State::at_warp;
        if (waiting == nullptr && waits) {
            waiting = &thread;
        }
    }
    grid.thread = const_cast<Thread *>(waiting);
    const Thread *other = nullptr;
    for (unsigned i = 0; i < grid.threads; ++i) {
        const Thread &thread = block.threads[i];
        const bool begun = thread.state != State::fresh && thread.state != State::ready;
        if (begun && (thread.state != waiting->state || thread.site.line != waiting->site.line ||
                      thread.site.file != waiting->site.file)) {
            other = &thread;
            break;
        }
    }
    char elsewhere[200] = "";
    if (other != nullptr) {
        const uint3 t = other->index;
        if (other->state == State::done) {
            std::snprintf(elsewhere, sizeof elsewhere, "; thread (%u, %u, %u) has ended", t.x, t.y,
                          t.z);
        } else {
            std::snprintf(elsewhere, sizeof elsewhere, "; thread (%u, %u, %u) waits at %s:%d", t.x,
                          t.y, t.z, file_name(other->site.file), other->site.line);
        }
    }
    say("divergent %s at %s:%d, which not all its threads reach (of %u threads %u wait at "
        "barriers, %u at warp operations, %u have ended%s)",
        waiting->state == State::at_barrier ? "barrier" : "warp operation",
        file_name(waiting->site.file), waiting->site.line, grid.threads, at_barrier, at_warp,
        block.finished, elsewhere);
    fail(result::launch_failed);
}

// The thread that goes on; null when the grid is done.
Thread *choose() {
    for (;;) {
        Block &block = *grid.block;
        unsigned position = block.position;
        for (unsigned step = 0; step < grid.threads; ++step) {
            if (++position == grid.threads) {
                position = 0;
            }
            Thread &thread = block.threads[block.order[position]];
            if (thread.state <= State::ready) {
                block.position = position;
                grid.thread = &thread;
                grid.spins = 0;
                threadIdx = thread.index;
                return &thread;
            }
        }
        if (block.finished == grid.threads) {
            if (!replace_block()) {
                return nullptr;
            }
        } else if (block.asleep != 0) {
            for (unsigned i = 0; i < grid.threads; ++i) {
                if (block.threads[i].state == State::asleep) {
                    block.threads[i].state = State::ready;
                }
            }
            block.asleep = 0;
            rotate_blocks();
        } else {
            stuck();
        }
    }
}

void run_threads();

// Lets another thread go on; returns when the caller is chosen again.
void change_thread() {
    Thread *const self = grid.thread;
    Thread *const next = choose();
    if (next == self) {
        return;
    }
    if (next->stack == nullptr) {
        next->stack = take_stack();
        if (next->stack == nullptr) {
            say("no memory for a stack");
            fail(result::out_of_memory);
        }
        next->kept = next->stack->enter(&run_threads);
    }
    panoptim_virtual_change(&self->kept, next->kept);
}

// What a fiber does: the thread chosen, and then others that have not begun, on the same stack.
void run_threads() {
    for (;;) {
        Thread *const self = grid.thread;
        self->state = State::ready;
        const Kernel &kernel = *grid.launch.kernel;
        kernel.run(kernel, grid.launch.arguments);
        // The fiber may have changed hands only by panoptim_virtual_change: self is chosen now.
        self->state = State::done;
        Stack *const stack = self->stack;
        self->stack = nullptr;
        ++grid.block->finished;
        Thread *const next = choose();
        if (next == nullptr) {
            give_back(stack);
            leave();
        }
        if (next->stack == nullptr) {
            next->stack = stack;
            continue;
        }
        give_back(stack);
        void *abandoned;
        panoptim_virtual_change(&abandoned, next->kept);
    }
}

// Signals that a kernel causes.

constexpr int caught_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
struct sigaction earlier_actions[64];

// On the fiber's stack's owner: the launching stack, after a signal.
void handle_signal(int signal, siginfo_t *info, void *context) {
    if (grid.running && pthread_equal(grid.runner, pthread_self()) != 0) {
        grid.signal = signal;
        grid.code = info->si_code;
        grid.address = info->si_addr;
        grid.error = result::launch_failed;
        // The interrupted thread is abandoned: the caller's stack goes on.
        auto *machine = static_cast<ucontext_t *>(context);
        machine->uc_mcontext.gregs[REG_RSP] =
            static_cast<greg_t>(reinterpret_cast<std::uintptr_t>(grid.caller));
        machine->uc_mcontext.gregs[REG_RIP] =
            static_cast<greg_t>(reinterpret_cast<std::uintptr_t>(&panoptim_virtual_resume));
        return;
    }
    const struct sigaction &earlier = earlier_actions[signal];
    if ((earlier.sa_flags & SA_SIGINFO) != 0) {
        earlier.sa_sigaction(signal, info, context);
    } else if (earlier.sa_handler == SIG_DFL || earlier.sa_handler == SIG_IGN) {
        // Happens again, and ends the process, when the handler returns.
        sigaction(signal, &earlier, nullptr);
    } else {
        earlier.sa_handler(signal);
    }
}

// The JVM has handlers, which get everything that no kernel caused. They stay in place
// between kernels, since changing them costs more than a small launch; but each launch looks
// whether another handler has taken their place.
void catch_signals() {
    struct sigaction first;
    sigaction(SIGSEGV, nullptr, &first);
    if ((first.sa_flags & SA_SIGINFO) != 0 && first.sa_sigaction == &handle_signal) {
        return;
    }
    struct sigaction action {};
    action.sa_sigaction = &handle_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigemptyset(&action.sa_mask);
    for (const int signal : caught_signals) {
        struct sigaction present;
        sigaction(signal, nullptr, &present);
        if ((present.sa_flags & SA_SIGINFO) == 0 || present.sa_sigaction != &handle_signal) {
            sigaction(signal, &action, &earlier_actions[signal]);
        }
    }
}

// A fiber that runs into its guard page has no stack for the handler, so each launching thread has
// another one. It goes with the thread.
pthread_key_t signal_stack_key;

void free_signal_stack(void *stack) {
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(stack, 64 * 1024);
}

void provide_signal_stack() {
    if (pthread_getspecific(signal_stack_key) != nullptr) {
        return;
    }
    stack_t present;
    if (sigaltstack(nullptr, &present) == 0 && (present.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    void *stack =
        mmap(nullptr, 64 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED) {
        return;
    }
    stack_t provided{};
    provided.ss_sp = stack;
    provided.ss_size = 64 * 1024;
    sigaltstack(&provided, nullptr);
    pthread_setspecific(signal_stack_key, stack);
}

// What the signal means.
void explain_signal() {
    if (grid.thread->stack != nullptr && grid.thread->stack->guards(grid.address)) {
        say("the thread's stack of %zu bytes is too small", Stack::bytes);
        return;
    }
    switch (grid.signal) {
    case SIGFPE:
        say("an integer is divided by zero");
        return;
    case SIGILL:
        grid.error = result::misaligned_address;
        say("an address is not a multiple of its type's size (or an illegal instruction at %p)",
            grid.address);
        return;
    default:
        break;
    }
    grid.error = result::illegal_address;
    if (grid.code == SI_KERNEL) {
        say("an address beyond all memory");
        return;
    }
    char where[200] = "";
    if (describe_address != nullptr) {
        describe_address(grid.address, where, sizeof where);
    }
    say("illegal address %p%s", grid.address, where);
}

// The order of this launch.

bool read_order(const char *text, Order &order, std::uint64_t &seed) {
    if (std::strcmp(text, "forward") == 0 || *text == 0) {
        order = Order::forward;
    } else if (std::strcmp(text, "reverse") == 0) {
        order = Order::reverse;
    } else if (std::strncmp(text, "random", 6) == 0 && (text[6] == 0 || text[6] == ':')) {
        order = Order::random;
        char *end = const_cast<char *>(text + 6);
        seed = 1;
        if (*end == ':') {
            seed = std::strtoull(text + 7, &end, 0);
        }
        return *end == 0;
    } else {
        return false;
    }
    return true;
}

std::uint64_t divisor(std::uint64_t a, std::uint64_t b) {
    return b == 0 ? a : divisor(b, a % b);
}

std::uint64_t launches = 0;

void choose_order() {
    const char *text = chosen_order;
    if (*text == 0) {
        const char *environment = std::getenv("PANOPTIM_VIRTUAL_ORDER");
        text = environment == nullptr ? "" : environment;
    }
    std::uint64_t seed = 0;
    if (!read_order(text, grid.order, seed)) {
        std::fprintf(stderr,
                     "virtual GPU: PANOPTIM_VIRTUAL_ORDER is \"%s\"; expected forward, "
                     "reverse, random or random:SEED\n",
                     text);
        grid.order = Order::forward;
    }
    if (grid.order != Order::random) {
        return;
    }
    grid.random = (seed + 1) * 0x9e3779b97f4a7c15U ^ ++launches * 0xbf58476d1ce4e5b9U;
    grid.random += grid.random == 0 ? 1 : 0;
    next_random();
    do {
        grid.stride = next_random() % grid.blocks;
    } while (divisor(grid.blocks, grid.stride) != 1);
    grid.first = next_random() % grid.blocks;
}

} // namespace

bool set_order(const char *order) {
    Order read;
    std::uint64_t seed;
    const char *text = order == nullptr ? "" : order;
    if (!read_order(text, read, seed) || std::strlen(text) >= sizeof chosen_order) {
        return false;
    }
    std::strcpy(chosen_order, text);
    launches = 0;
    return true;
}

bool leave_out = false;

int execute(const Launch &launch) {
    if (leave_out) {
        return result::success;
    }
    if (blocks == nullptr) {
        prepare_blocks();
        pthread_key_create(&signal_stack_key, free_signal_stack);
    }
    catch_signals();
    provide_signal_stack();
    grid.launch = launch;
    grid.threads = launch.block.x * launch.block.y * launch.block.z;
    grid.blocks = static_cast<std::uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    grid.begun = 0;
    grid.rotations = 0;
    grid.error = result::success;
    grid.signal = 0;
    choose_order();
    timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    const char *limit = std::getenv("PANOPTIM_VIRTUAL_TIMEOUT");
    grid.deadline = now.tv_sec + (limit == nullptr ? 60 : std::atol(limit));
    for (unsigned i = 0; i < resident_blocks; ++i) {
        blocks[i].resident = false;
    }
    gridDim = dim3(launch.grid.x, launch.grid.y, launch.grid.z);
    blockDim = dim3(launch.block.x, launch.block.y, launch.block.z);

    // A device knows nothing of the host's rounding, nor of its flushing to zero.
    const unsigned control = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(0x1f80);
    start_here(blocks[0]);
    Thread *first = choose();
    first->stack = take_stack();
    if (first->stack == nullptr) {
        return result::out_of_memory;
    }
    grid.runner = pthread_self();
    grid.running = true;
    panoptim_virtual_change(&grid.caller, first->stack->enter(&run_threads));
    grid.running = false;
    __builtin_ia32_ldmxcsr(control);

    if (grid.signal != 0) {
        explain_signal();
    }
    if (grid.error != 0) {
        for (unsigned i = 0; i < resident_blocks; ++i) {
            for (unsigned t = 0; blocks[i].resident && t < grid.threads; ++t) {
                if (blocks[i].threads[t].stack != nullptr) {
                    give_back(blocks[i].threads[t].stack);
                }
            }
        }
    }
    return grid.error;
}

unsigned barrier(bool predicate, Site site) {
    Thread &self = *grid.thread;
    Block &block = *grid.block;
    self.site = site;
    if (block.waiting == 0) {
        block.barrier_site = site;
    } else if (block.barrier_site.line != site.line || block.barrier_site.file != site.file) {
        self.state = State::at_barrier;
        stuck();
    }
    block.agreeing += predicate ? 1 : 0;
    if (++block.waiting < grid.threads) {
        self.state = State::at_barrier;
    } else {
        block.barrier_result = block.agreeing;
        block.waiting = 0;
        block.agreeing = 0;
        for (unsigned i = 0; i < grid.threads; ++i) {
            block.threads[i].state = State::ready;
        }
        // The next phase begins with the order's first thread.
        block.position = grid.threads - 1;
        if (grid.order == Order::random && grid.blocks > 1 && next_random() % 8 == 0) {
            rotate_blocks();
        }
    }
    change_thread();
    return block.barrier_result;
}

std::uint64_t warp(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source,
                   Site site) {
    Thread &self = *grid.thread;
    Block &block = *grid.block;
    const auto position = static_cast<unsigned>(&self - block.threads);
    const unsigned first = position / lanes * lanes;
    const unsigned width = grid.threads - first < lanes ? grid.threads - first : lanes;
    // Lanes beyond the block's last thread are nobody.
    const unsigned all = width == lanes ? ~0U : (1U << width) - 1U;
    const unsigned wanted = mask & all;
    self.site = site;
    if ((mask >> (position - first) & 1U) == 0) {
        say("the mask %#x of the warp operation at %s:%d lacks the calling lane %u", mask,
            file_name(site.file), site.line, position - first);
        fail(result::launch_failed);
    }
    self.operation = operation;
    self.mask = mask;
    self.value = value;
    self.source = source;
    self.state = State::at_warp;
    // Most callers need not look at the others to know that some are missing.
    if (++block.at_warp[first / lanes] < width && wanted == all) {
        change_thread();
        return self.result;
    }
    Thread *const threads = block.threads + first;
    std::uint64_t votes = 0;
    for (unsigned lane = 0; lane < width; ++lane) {
        const Thread &thread = threads[lane];
        if ((wanted >> lane & 1U) == 0) {
            continue;
        }
        if (thread.state != State::at_warp || thread.mask != mask ||
            thread.operation != operation || thread.site.line != site.line ||
            thread.site.file != site.file) {
            change_thread();
            return self.result;
        }
        votes |= static_cast<std::uint64_t>(thread.value != 0 ? 1 : 0) << lane;
    }
    for (unsigned lane = 0; lane < width; ++lane) {
        Thread &thread = threads[lane];
        if ((wanted >> lane & 1U) == 0) {
            continue;
        }
        if (operation == WarpOperation::shuffle) {
            // The value of a lane that takes no part is undefined.
            const bool takes_part = thread.source < lanes && (wanted >> thread.source & 1U) != 0;
            thread.result = takes_part ? threads[thread.source].value : 0xcdcdcdcdcdcdcdcdU;
        } else {
            thread.result = votes;
        }
        thread.state = State::ready;
        --block.at_warp[first / lanes];
    }
    change_thread();
    return self.result;
}

unsigned lane() {
    return static_cast<unsigned>(grid.thread - grid.block->threads) % lanes;
}

void sleep() {
    grid.thread->state = State::asleep;
    ++grid.block->asleep;
    change_thread();
}

void spin() {
    if (++grid.spins >= patience) {
        sleep();
    }
}

void trap(const char *message) {
    say("%s", message);
    fail(result::launch_failed);
}

} // namespace panoptim_virtual
