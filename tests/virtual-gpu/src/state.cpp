#include "state.h"

#include <cstdlib>
#include <pthread.h>

namespace panoptim_virtual {

namespace {

struct Injection {
    int code;
    int after;
};

std::map<std::string, Injection> injections;

// Not thread_local, since that is the kernels' shared memory.
pthread_key_t thread_key;
pthread_once_t thread_once = PTHREAD_ONCE_INIT;
std::atomic<std::uint64_t> threads{0};

struct ThreadState {
    std::vector<Context *> contexts;
    std::uint64_t number = ++threads;
};

void delete_thread_state(void *pointer) {
    delete static_cast<ThreadState *>(pointer);
}

ThreadState &thread_state() {
    pthread_once(&thread_once, [] { pthread_key_create(&thread_key, delete_thread_state); });
    void *pointer = pthread_getspecific(thread_key);
    if (pointer == nullptr) {
        pointer = new ThreadState;
        pthread_setspecific(thread_key, pointer);
    }
    return *static_cast<ThreadState *>(pointer);
}

} // namespace

State &state() {
    // Never destroyed: a JVM calls until the process ends.
    static State &only = *new State;
    return only;
}

std::uint64_t new_handle() {
    const std::uint64_t handle = state().next_handle;
    state().next_handle += 16;
    return handle;
}

void count(const char *kind, int change) {
    state().live[kind] += change;
}

std::vector<Context *> &context_stack() {
    return thread_state().contexts;
}

std::uint64_t thread_number() {
    return thread_state().number;
}

Call::Call(const char *name, bool needs_initialization) : guard_(state().lock) {
    if (!injections.empty()) {
        const auto it = injections.find(name);
        if (it != injections.end() && --it->second.after <= 0) {
            error = it->second.code;
            injections.erase(it);
            Context *context;
            if (current(context) == result::success) {
                keep_error(context, error);
            }
            return;
        }
    }
    if (needs_initialization && !state().initialized) {
        error = result::not_initialized;
    } else if (state().in_host_function) {
        error = result::not_permitted;
    }
}

int current(Context *&context) {
    const std::vector<Context *> &stack = context_stack();
    if (stack.empty() || stack.back() == nullptr) {
        return result::invalid_context;
    }
    context = stack.back();
    if (context->destroyed) {
        return result::context_is_destroyed;
    }
    return context->sticky;
}

void keep_error(Context *context, int error) {
    switch (error) {
    case result::ecc_uncorrectable:
    case result::nvlink_uncorrectable:
    case result::contained:
    case result::illegal_address:
    case result::launch_timeout:
    case result::assert_failed:
    case result::hardware_stack_error:
    case result::illegal_instruction:
    case result::misaligned_address:
    case result::invalid_address_space:
    case result::invalid_pc:
    case result::launch_failed:
    case result::tensor_memory_leak:
    case result::mps_client_terminated:
    case result::external_device:
        context->sticky = context->sticky == result::success ? error : context->sticky;
        break;
    default:
        break;
    }
}

void run_kernel(Context *context, const Launch &launch) {
    close_freed();
    describe_address = &describe_memory;
    keep_error(context, execute(launch));
}

int device_count() {
    const char *text = std::getenv("PANOPTIM_VIRTUAL_DEVICES");
    return text == nullptr ? 1 : std::atoi(text);
}

static int version_for_tests = 0;

int driver_version() {
    if (version_for_tests != 0) {
        return version_for_tests;
    }
    const char *text = std::getenv("PANOPTIM_VIRTUAL_DRIVER_VERSION");
    return text == nullptr ? 13000 : std::atoi(text);
}

void destroy_context(Context *context) {
    State &all = state();
    drain_context(context, true);
    context->destroyed = true;
    const auto belongs = [context](const auto &entry) { return entry.second->context == context; };
    std::erase_if(all.functions, [context](const auto &entry) {
        return entry.second->module->context == context;
    });
    std::erase_if(all.modules, belongs);
    std::erase_if(all.events, belongs);
    std::erase_if(all.streams, belongs);
    std::erase_if(all.graphs, belongs);
    std::erase_if(all.executables, belongs);
    std::erase_if(all.captures,
                  [context](const auto &capture) { return capture->origin->context == context; });
    std::erase_if(all.default_streams,
                  [context](const auto &stream) { return stream->context == context; });
    free_allocations(context);
}

} // namespace panoptim_virtual

using namespace panoptim_virtual;

extern "C" {

// The after-th following call of a function fails with a code; once. After 0 or less: none does.
int panoptimVirtualFail(const char *call, int code, int after) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    if (call == nullptr) {
        injections.clear();
    } else if (after <= 0) {
        injections.erase(call);
    } else {
        injections[call] = {code, after};
    }
    return result::success;
}

// How many objects were made and not given back: "allocations", "pinned", "streams", "events",
// "modules", "graphs", "contexts" (retained primary ones and others). What went with its context
// without being given back counts on. Null: all kinds together.
long long panoptimVirtualLive(const char *kind) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    if (kind != nullptr) {
        const auto it = state().live.find(kind);
        return it == state().live.end() ? 0 : it->second;
    }
    long long sum = 0;
    for (const auto &[name, number] : state().live) {
        sum += number;
    }
    return sum;
}

// "forward", "reverse", "random" or "random:SEED" for later launches; null: as the environment
// says.
int panoptimVirtualOrder(const char *order) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    return set_order(order) ? result::success : result::invalid_value;
}

// The version of CUDA that the driver serves from now on; 0: as the environment says.
int panoptimVirtualVersion(int version) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    version_for_tests = version;
    return result::success;
}

// Whether later launches do nothing, for measuring what they cost the host.
int panoptimVirtualEmpty(int empty) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    leave_out = empty != 0;
    return result::success;
}
}
