// What the driver knows: contexts, and the objects that belong to them. One lock guards all of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "memory.h"
#include "results.h"
#include "work.h"

namespace panoptim_virtual {

struct Context {
    std::uint64_t handle;
    int device;
    bool primary;
    int retained;
    bool destroyed;
    int sticky; // the error that a kernel left; every later call returns it
};

struct Graph {
    Context *context;
    std::vector<Work> nodes;
};

struct Stream;

// The streams that one capture goes over.
struct Capture {
    Stream *origin;
    int mode;
    std::uint64_t thread;
    bool invalidated;
    std::shared_ptr<Graph> graph;
    std::vector<Stream *> streams;
};

struct Stream {
    std::uint64_t handle; // 0: the default stream
    Context *context;
    bool waits_for_default; // and the default stream for it
    std::deque<Work> queue;
    std::shared_ptr<Capture> capture;
    std::size_t captured_nodes;
    bool unjoined; // captured work that the capture's origin does not wait for yet
};

struct Event {
    std::uint64_t handle;
    Context *context;
    bool timing;
    std::uint64_t submitted; // recordings
    std::uint64_t done;
    double milliseconds; // when the last recording was done
    Stream *stream;      // of the last recording
    std::weak_ptr<Capture> capture;
    bool captured;
    std::size_t captured_nodes; // of its stream when it was recorded
};

struct Module {
    std::uint64_t handle;
    Context *context;
};

struct Function {
    std::uint64_t handle;
    const Kernel *kernel;
    Module *module;
    std::size_t most_shared;
};

// Objects by handle. Handles are never used twice, so that a destroyed one is known.
template <typename Object>
using Table = std::unordered_map<std::uint64_t, std::shared_ptr<Object>>;

struct State {
    std::recursive_mutex lock;
    bool initialized = false;
    bool in_host_function = false;
    std::uint64_t next_handle = 0x7a00'0000'0010;
    std::uint64_t sequence = 0;
    std::vector<std::unique_ptr<Context>> contexts; // never given back
    std::map<int, Context *> primary;               // by device
    std::vector<std::shared_ptr<Stream>> default_streams;
    Table<Stream> streams;
    Table<Event> events;
    Table<Module> modules;
    Table<Function> functions;
    Table<Graph> graphs;
    Table<Graph> executables;
    std::vector<std::shared_ptr<Capture>> captures; // that go on
    std::map<std::string, long long> live;
};

State &state();

std::uint64_t new_handle();
void count(const char *kind, int change);

// The beginning of every call: takes the lock and returns an injected error.
class Call {
  public:
    explicit Call(const char *name, bool needs_initialization = true);

    // The result so far; not success: the call must return it.
    int error = result::success;

  private:
    std::lock_guard<std::recursive_mutex> guard_;
};

// The calling thread's contexts, the current one last.
std::vector<Context *> &context_stack();
std::uint64_t thread_number();

// The current context, or the error that a call must return.
int current(Context *&context);

// Whether an error stays with its context; if so it is kept there.
void keep_error(Context *context, int error);

// Runs a kernel to its end, and keeps its error.
void run_kernel(Context *context, const Launch &launch);

int device_count();
int driver_version();

// Streams: by handle, in the current context.
int find_stream(std::uint64_t handle, Context *context, Stream *&stream);

// Does the work, now or when something waits for it; or adds it to the stream's capture.
int submit(Stream *stream, Work &&work);
bool deferred();
// Does what a stream holds.
void drain(Stream *stream);
void drain_until(Stream *stream, std::uint64_t sequence);
void drain_context(Context *context, bool with_independent);

// For what CUDA's documentation calls potentially unsafe: calls that may not be made while this
// thread captures a stream, or any thread does in global mode, unless the capture is relaxed. They
// allocate, free, load, wait or query at once, whatever the stream. Success where they may.
int refuse_unsafe_in_capture();
// For calls that a captured stream does not take, and its default stream neither.
int refuse_in_capture(Stream *stream);
// For calls that wait for a stream, or ask whether its work is done.
int refuse_wait_in_capture(Stream *stream);
// The capture of a stream that waits for the default one, if this is the latter.
Capture *implicit_capture(const Stream *stream);
void invalidate(Capture &capture);

void destroy_context(Context *context);

// Whether [address, address + bytes) is within one allocation.
bool within_allocation(std::uintptr_t address, std::size_t bytes);

} // namespace panoptim_virtual

// Begins the definition of a call of the driver that needs a current context.
#define CONTEXT_CALL(name)                                                                         \
    const Call call(name);                                                                         \
    if (call.error != result::success) {                                                           \
        return call.error;                                                                         \
    }                                                                                              \
    Context *context;                                                                              \
    if (const int error = current(context); error != result::success) {                            \
        return error;                                                                              \
    }

#define PLAIN_CALL(name)                                                                           \
    const Call call(name);                                                                         \
    if (call.error != result::success) {                                                           \
        return call.error;                                                                         \
    }
