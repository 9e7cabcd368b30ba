// Streams, events, captures and graphs.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "state.h"

namespace panoptim_virtual {

namespace {

double now() {
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

bool device_range_is_valid(std::uintptr_t address, std::size_t bytes) {
    return within_allocation(address, bytes);
}

void fill(const Work &work) {
    auto *to = reinterpret_cast<unsigned char *>(work.to);
    if (work.value_bytes == 1) {
        std::memset(to, static_cast<int>(work.value), work.bytes);
        return;
    }
    for (std::size_t i = 0; i < work.bytes; i += work.value_bytes) {
        std::memcpy(to + i, &work.value, work.value_bytes);
    }
}

// Does one piece of work. In a context with an error nothing is done any more.
void perform(Stream *stream, const Work &work) {
    Context *const context = stream->context;
    if (work.kind == Work::Kind::record) {
        work.event->done = std::max(work.event->done, work.generation);
        work.event->milliseconds = now();
        return;
    }
    if (context->sticky != result::success) {
        return;
    }
    switch (work.kind) {
    case Work::Kind::kernel:
        run_kernel(context,
                   {work.kernel, work.grid, work.block, work.shared, work.arguments.data()});
        break;
    case Work::Kind::copy: {
        // The memory may have been freed since the work was submitted.
        if ((work.to_device && !device_range_is_valid(work.to, work.bytes)) ||
            (work.from_device && !device_range_is_valid(work.from, work.bytes))) {
            keep_error(context, result::illegal_address);
            break;
        }
        const void *from = work.staged ? static_cast<const void *>(work.staged->data())
                                       : reinterpret_cast<const void *>(work.from);
        std::memmove(reinterpret_cast<void *>(work.to), from, work.bytes);
        break;
    }
    case Work::Kind::fill:
        if (!device_range_is_valid(work.to, work.bytes)) {
            keep_error(context, result::illegal_address);
            break;
        }
        fill(work);
        break;
    case Work::Kind::host:
        close_freed();
        state().in_host_function = true;
        work.function();
        state().in_host_function = false;
        break;
    case Work::Kind::library:
        close_freed();
        keep_error(context, work.run(work.arguments.data()));
        break;
    case Work::Kind::wait:
        if (work.event->done < work.generation && work.event->stream != nullptr) {
            Stream *const other = work.event->stream;
            while (work.event->done < work.generation && !other->queue.empty()) {
                drain_until(other, other->queue.front().sequence + 1);
            }
        }
        break;
    case Work::Kind::release:
        if (const Allocation *allocation = allocation_at(work.to)) {
            if (!free_allocation(allocation)) {
                keep_error(context, result::illegal_address);
            }
        }
        break;
    default:
        break;
    }
}

} // namespace

bool deferred() {
    const char *text = std::getenv("PANOPTIM_VIRTUAL_ASYNC");
    return text != nullptr && *text == '1';
}

// The default stream and the streams that know of it wait for each other's earlier work.
void drain_until(Stream *stream, std::uint64_t sequence) {
    while (!stream->queue.empty() && stream->queue.front().sequence < sequence) {
        const Work work = std::move(stream->queue.front());
        stream->queue.pop_front();
        if (stream->handle == 0) {
            std::vector<Stream *> others;
            for (const auto &[handle, other] : state().streams) {
                if (other->context == stream->context && other->waits_for_default) {
                    others.push_back(other.get());
                }
            }
            for (Stream *other : others) {
                drain_until(other, work.sequence);
            }
        } else if (stream->waits_for_default) {
            for (const auto &other : state().default_streams) {
                if (other->context == stream->context) {
                    drain_until(other.get(), work.sequence);
                }
            }
        }
        perform(stream, work);
    }
}

void drain(Stream *stream) {
    if (!stream->queue.empty()) {
        drain_until(stream, UINT64_MAX);
    }
}

// with_independent: also the streams that do not wait for the default one.
void drain_context(Context *context, bool with_independent) {
    std::vector<std::shared_ptr<Stream>> streams = state().default_streams;
    for (const auto &[handle, stream] : state().streams) {
        if (stream->waits_for_default || with_independent) {
            streams.push_back(stream);
        }
    }
    for (const auto &stream : streams) {
        if (stream->context == context) {
            drain(stream.get());
        }
    }
}

bool within_allocation(std::uintptr_t address, std::size_t bytes) {
    const Allocation *allocation = allocation_around(address);
    if (allocation != nullptr) {
        return allocation->holds(address, bytes);
    }
    for (const Variable *variable = variables; variable != nullptr; variable = variable->next) {
        const auto start = reinterpret_cast<std::uintptr_t>(variable->address);
        if (address >= start && address - start <= variable->bytes) {
            return bytes <= variable->bytes - (address - start);
        }
    }
    return false;
}

int find_stream(std::uint64_t handle, Context *context, Stream *&stream) {
    if (handle <= 2) {
        for (const auto &each : state().default_streams) {
            if (each->context == context) {
                stream = each.get();
                return result::success;
            }
        }
        auto made = std::make_shared<Stream>();
        made->context = context;
        made->waits_for_default = true;
        stream = made.get();
        state().default_streams.push_back(std::move(made));
        return result::success;
    }
    const auto it = state().streams.find(handle);
    if (it == state().streams.end()) {
        return result::invalid_handle;
    }
    if (it->second->context != context) {
        return result::invalid_context;
    }
    stream = it->second.get();
    return result::success;
}

void invalidate(Capture &capture) {
    capture.invalidated = true;
}

int refuse_unsafe_in_capture() {
    for (const auto &capture : state().captures) {
        const bool same_thread = capture->thread == thread_number();
        // Relaxed: anything goes. Else: calls of this thread, or of all threads.
        if (capture->mode == 0 || (capture->mode == 1 && same_thread)) {
            invalidate(*capture);
            return result::capture_unsupported;
        }
    }
    return result::success;
}

Capture *implicit_capture(const Stream *stream) {
    if (stream->handle == 0) {
        for (const auto &capture : state().captures) {
            for (const Stream *captured : capture->streams) {
                if (captured->waits_for_default && captured->context == stream->context) {
                    return capture.get();
                }
            }
        }
    }
    return nullptr;
}

int refuse_in_capture(Stream *stream) {
    if (stream->capture) {
        invalidate(*stream->capture);
        return result::capture_unsupported;
    }
    if (Capture *capture = implicit_capture(stream)) {
        invalidate(*capture);
        return result::capture_implicit;
    }
    return result::success;
}

int refuse_wait_in_capture(Stream *stream) {
    const int error = refuse_in_capture(stream);
    return error != result::success ? error : refuse_unsafe_in_capture();
}

int submit(Stream *stream, Work &&work) {
    if (stream->capture) {
        if (stream->capture->invalidated) {
            return result::capture_invalidated;
        }
        stream->unjoined = true;
        ++stream->captured_nodes;
        stream->capture->graph->nodes.push_back(std::move(work));
        return result::success;
    }
    if (stream->handle == 0) {
        if (const int error = refuse_in_capture(stream); error != result::success) {
            return error;
        }
    }
    work.sequence = ++state().sequence;
    if (deferred()) {
        stream->queue.push_back(std::move(work));
        return result::success;
    }
    drain(stream);
    perform(stream, work);
    return result::success;
}

} // namespace panoptim_virtual

using namespace panoptim_virtual;

namespace {

int create_stream(Context *context, std::uint64_t *stream, unsigned flags) {
    if (stream == nullptr || flags > 1) {
        return result::invalid_value;
    }
    auto made = std::make_shared<Stream>();
    made->handle = new_handle();
    made->context = context;
    made->waits_for_default = flags == 0;
    *stream = made->handle;
    state().streams.emplace(made->handle, std::move(made));
    count("streams", 1);
    return result::success;
}

int find_event(std::uint64_t handle, std::shared_ptr<Event> &event) {
    const auto it = state().events.find(handle);
    if (it == state().events.end()) {
        return result::invalid_handle;
    }
    event = it->second;
    return result::success;
}

int begin_capture(Stream *stream, int mode) {
    if (mode < 0 || mode > 2) {
        return result::invalid_value;
    }
    if (stream->handle == 0 || stream->capture) {
        return stream->handle == 0 ? result::capture_unsupported : result::invalid_value;
    }
    auto capture = std::make_shared<Capture>();
    capture->origin = stream;
    capture->mode = mode;
    capture->thread = thread_number();
    capture->graph = std::make_shared<Graph>();
    capture->graph->context = stream->context;
    capture->streams.push_back(stream);
    stream->capture = capture;
    stream->unjoined = false;
    state().captures.push_back(capture);
    return result::success;
}

int launch_graph(const Graph &graph, Stream *stream) {
    for (const Work &node : graph.nodes) {
        Work copy = node;
        if (const int error = submit(stream, std::move(copy)); error != result::success) {
            return error;
        }
    }
    return result::success;
}

int instantiate(std::uint64_t *executable, std::uint64_t graph) {
    const auto it = state().graphs.find(graph);
    if (executable == nullptr || it == state().graphs.end()) {
        return result::invalid_value;
    }
    *executable = new_handle();
    state().executables.emplace(*executable, std::make_shared<Graph>(*it->second));
    count("graphs", 1);
    return result::success;
}

// Does what an event waits for.
void finish(Event &event) {
    while (event.done < event.submitted && event.stream != nullptr &&
           !event.stream->queue.empty()) {
        drain_until(event.stream, event.stream->queue.front().sequence + 1);
    }
}

} // namespace

extern "C" {

int cuStreamCreate(std::uint64_t *stream, unsigned flags) {
    CONTEXT_CALL("cuStreamCreate")
    return create_stream(context, stream, flags);
}

int cuStreamCreateWithPriority(std::uint64_t *stream, unsigned flags, int) {
    CONTEXT_CALL("cuStreamCreateWithPriority")
    return create_stream(context, stream, flags);
}

int cuStreamDestroy_v2(std::uint64_t handle) {
    PLAIN_CALL("cuStreamDestroy_v2")
    const auto it = state().streams.find(handle);
    if (it == state().streams.end()) {
        return result::invalid_handle;
    }
    const std::shared_ptr<Stream> stream = it->second;
    if (stream->capture) {
        invalidate(*stream->capture);
        std::erase(stream->capture->streams, stream.get());
        std::erase(state().captures, stream->capture);
    }
    drain(stream.get());
    for (const auto &[number, event] : state().events) {
        if (event->stream == stream.get()) {
            event->stream = nullptr;
        }
    }
    state().streams.erase(handle);
    count("streams", -1);
    return stream->context->sticky;
}

int cuStreamSynchronize(std::uint64_t handle) {
    CONTEXT_CALL("cuStreamSynchronize")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (const int error = refuse_wait_in_capture(stream); error != result::success) {
        return error;
    }
    if (handle <= 2) {
        drain_context(context, false);
    }
    drain(stream);
    return context->sticky;
}

int cuStreamQuery(std::uint64_t handle) {
    CONTEXT_CALL("cuStreamQuery")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (const int error = refuse_wait_in_capture(stream); error != result::success) {
        return error;
    }
    const bool waited = !stream->queue.empty();
    drain(stream);
    return context->sticky != result::success ? context->sticky
                                              : (waited ? result::not_ready : result::success);
}

int cuStreamGetFlags(std::uint64_t handle, unsigned *flags) {
    CONTEXT_CALL("cuStreamGetFlags")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (flags == nullptr) {
        return result::invalid_value;
    }
    *flags = stream->waits_for_default ? 0 : 1;
    return result::success;
}

int cuStreamGetPriority(std::uint64_t handle, int *priority) {
    CONTEXT_CALL("cuStreamGetPriority")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (priority == nullptr) {
        return result::invalid_value;
    }
    *priority = 0;
    return result::success;
}

int cuStreamGetCtx(std::uint64_t handle, std::uint64_t *owner) {
    CONTEXT_CALL("cuStreamGetCtx")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (owner == nullptr) {
        return result::invalid_value;
    }
    *owner = stream->context->handle;
    return result::success;
}

int cuStreamWaitEvent(std::uint64_t handle, std::uint64_t event_handle, unsigned) {
    CONTEXT_CALL("cuStreamWaitEvent")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    std::shared_ptr<Event> event;
    if (const int error = find_event(event_handle, event); error != result::success) {
        return error;
    }
    if (event->captured) {
        const std::shared_ptr<Capture> capture = event->capture.lock();
        if (!capture || (stream->capture && stream->capture != capture)) {
            return capture ? result::capture_merge : result::captured_event;
        }
        if (capture->invalidated) {
            return result::capture_invalidated;
        }
        if (stream->handle == 0) {
            invalidate(*capture);
            return result::capture_implicit;
        }
        if (!stream->capture) {
            stream->capture = capture;
            stream->unjoined = true;
            stream->captured_nodes = 0;
            capture->streams.push_back(stream);
        } else if (event->stream != nullptr && event->stream != stream &&
                   event->captured_nodes == event->stream->captured_nodes) {
            event->stream->unjoined = false;
        }
        return result::success;
    }
    if (stream->capture) {
        // Work outside the capture cannot be waited for within it.
        if (event->submitted == 0) {
            return result::success;
        }
        invalidate(*stream->capture);
        return result::capture_isolation;
    }
    Work work;
    work.kind = Work::Kind::wait;
    work.event = event;
    work.generation = event->submitted;
    return submit(stream, std::move(work));
}

int cuLaunchHostFunc(std::uint64_t handle, void (*function)(void *), void *data) {
    CONTEXT_CALL("cuLaunchHostFunc")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (function == nullptr) {
        return result::invalid_value;
    }
    Work work;
    work.kind = Work::Kind::host;
    work.function = [function, data] { function(data); };
    return submit(stream, std::move(work));
}

// For the virtual cuBLAS: work on the device that reads a copy of the data and answers with a
// CUresult.
int panoptimVirtualSubmit(std::uint64_t handle, int (*run)(const void *), const void *data,
                          std::size_t bytes) {
    CONTEXT_CALL("panoptimVirtualSubmit")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    Work work;
    work.kind = Work::Kind::library;
    work.run = run;
    const auto *from = static_cast<const unsigned char *>(data);
    work.arguments.assign(from, from + bytes);
    return submit(stream, std::move(work));
}

// Whether device code can reach all of a range of memory.
int panoptimVirtualReaches(std::uint64_t address, std::size_t bytes) {
    const std::lock_guard<std::recursive_mutex> guard(state().lock);
    return within_allocation(address, bytes) ? 1 : 0;
}

int cuStreamAddCallback(std::uint64_t handle, void (*function)(std::uint64_t, int, void *),
                        void *data, unsigned flags) {
    CONTEXT_CALL("cuStreamAddCallback")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (function == nullptr || flags != 0) {
        return result::invalid_value;
    }
    if (stream->capture) {
        return refuse_in_capture(stream);
    }
    Work work;
    work.kind = Work::Kind::host;
    work.function = [function, data, handle, context] { function(handle, context->sticky, data); };
    return submit(stream, std::move(work));
}

int cuEventCreate(std::uint64_t *event, unsigned flags) {
    CONTEXT_CALL("cuEventCreate")
    if (event == nullptr || flags > 7) {
        return result::invalid_value;
    }
    auto made = std::make_shared<Event>();
    made->handle = new_handle();
    made->context = context;
    made->timing = (flags & 2) == 0;
    *event = made->handle;
    state().events.emplace(made->handle, std::move(made));
    count("events", 1);
    return result::success;
}

int cuEventDestroy_v2(std::uint64_t handle) {
    PLAIN_CALL("cuEventDestroy_v2")
    const auto it = state().events.find(handle);
    if (it == state().events.end()) {
        return result::invalid_handle;
    }
    const int sticky = it->second->context->sticky;
    state().events.erase(it);
    count("events", -1);
    return sticky;
}

static int record(const char *name, std::uint64_t event_handle, std::uint64_t handle) {
    CONTEXT_CALL(name)
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    std::shared_ptr<Event> event;
    if (const int error = find_event(event_handle, event); error != result::success) {
        return error;
    }
    if (event->context != stream->context) {
        return result::invalid_handle;
    }
    if (stream->capture) {
        if (stream->capture->invalidated) {
            return result::capture_invalidated;
        }
        event->captured = true;
        event->capture = stream->capture;
        event->stream = stream;
        event->captured_nodes = stream->captured_nodes;
        return result::success;
    }
    event->captured = false;
    event->stream = stream;
    Work work;
    work.kind = Work::Kind::record;
    work.event = event;
    work.generation = ++event->submitted;
    return submit(stream, std::move(work));
}

int cuEventRecord(std::uint64_t event, std::uint64_t stream) {
    return record("cuEventRecord", event, stream);
}

int cuEventRecordWithFlags(std::uint64_t event, std::uint64_t stream, unsigned) {
    return record("cuEventRecordWithFlags", event, stream);
}

int cuEventQuery(std::uint64_t handle) {
    CONTEXT_CALL("cuEventQuery")
    std::shared_ptr<Event> event;
    if (const int error = find_event(handle, event); error != result::success) {
        return error;
    }
    if (event->captured) {
        return result::captured_event;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    const bool waited = event->done < event->submitted;
    finish(*event);
    return context->sticky != result::success ? context->sticky
                                              : (waited ? result::not_ready : result::success);
}

int cuEventSynchronize(std::uint64_t handle) {
    CONTEXT_CALL("cuEventSynchronize")
    std::shared_ptr<Event> event;
    if (const int error = find_event(handle, event); error != result::success) {
        return error;
    }
    if (event->captured) {
        return result::captured_event;
    }
    if (const int error = refuse_unsafe_in_capture(); error != result::success) {
        return error;
    }
    finish(*event);
    return context->sticky;
}

static int elapsed(const char *name, float *milliseconds, std::uint64_t from, std::uint64_t to) {
    CONTEXT_CALL(name)
    std::shared_ptr<Event> start;
    std::shared_ptr<Event> end;
    if (find_event(from, start) != result::success || find_event(to, end) != result::success) {
        return result::invalid_handle;
    }
    if (milliseconds == nullptr) {
        return result::invalid_value;
    }
    if (!start->timing || !end->timing || start->submitted == 0 || end->submitted == 0) {
        return result::invalid_handle;
    }
    if (start->done < start->submitted || end->done < end->submitted) {
        return result::not_ready;
    }
    *milliseconds = static_cast<float>(end->milliseconds - start->milliseconds);
    return result::success;
}

int cuEventElapsedTime(float *milliseconds, std::uint64_t from, std::uint64_t to) {
    return elapsed("cuEventElapsedTime", milliseconds, from, to);
}

int cuEventElapsedTime_v2(float *milliseconds, std::uint64_t from, std::uint64_t to) {
    return elapsed("cuEventElapsedTime_v2", milliseconds, from, to);
}

int cuStreamBeginCapture_v2(std::uint64_t handle, int mode) {
    CONTEXT_CALL("cuStreamBeginCapture_v2")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    return begin_capture(stream, mode);
}

int cuStreamIsCapturing(std::uint64_t handle, int *status) {
    CONTEXT_CALL("cuStreamIsCapturing")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (status == nullptr) {
        return result::invalid_value;
    }
    // Asking the default stream while a stream that waits for it is captured is an error, but the
    // capture goes on.
    if (implicit_capture(stream) != nullptr) {
        return result::capture_implicit;
    }
    *status = !stream->capture ? 0 : (stream->capture->invalidated ? 2 : 1);
    return result::success;
}

int cuStreamEndCapture(std::uint64_t handle, std::uint64_t *graph) {
    CONTEXT_CALL("cuStreamEndCapture")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    if (graph == nullptr) {
        return result::invalid_value;
    }
    *graph = 0;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (!capture) {
        return result::invalid_value;
    }
    if (capture->origin != stream) {
        invalidate(*capture);
        return result::capture_unmatched;
    }
    if (capture->mode != 2 && capture->thread != thread_number()) {
        return result::capture_wrong_thread;
    }
    bool unjoined = false;
    for (Stream *each : capture->streams) {
        unjoined = unjoined || (each != stream && each->unjoined);
        each->capture = nullptr;
        each->unjoined = false;
    }
    std::erase(state().captures, capture);
    if (capture->invalidated || unjoined) {
        return unjoined && !capture->invalidated ? result::capture_unjoined
                                                 : result::capture_invalidated;
    }
    *graph = new_handle();
    state().graphs.emplace(*graph, capture->graph);
    count("graphs", 1);
    return result::success;
}

int cuThreadExchangeStreamCaptureMode(int *mode) {
    PLAIN_CALL("cuThreadExchangeStreamCaptureMode")
    return mode == nullptr ? result::invalid_value : result::not_supported;
}

int cuGraphInstantiateWithFlags(std::uint64_t *executable, std::uint64_t graph,
                                unsigned long long) {
    CONTEXT_CALL("cuGraphInstantiateWithFlags")
    return instantiate(executable, graph);
}

int cuGraphInstantiate_v2(std::uint64_t *executable, std::uint64_t graph, std::uint64_t *, char *,
                          std::size_t) {
    CONTEXT_CALL("cuGraphInstantiate_v2")
    return instantiate(executable, graph);
}

int cuGraphUpload(std::uint64_t executable, std::uint64_t) {
    CONTEXT_CALL("cuGraphUpload")
    return state().executables.contains(executable) ? result::success : result::invalid_value;
}

int cuGraphLaunch(std::uint64_t executable, std::uint64_t handle) {
    CONTEXT_CALL("cuGraphLaunch")
    Stream *stream;
    if (const int error = find_stream(handle, context, stream); error != result::success) {
        return error;
    }
    const auto it = state().executables.find(executable);
    if (it == state().executables.end()) {
        return result::invalid_value;
    }
    return launch_graph(*it->second, stream);
}

int cuGraphGetNodes(std::uint64_t graph, std::uint64_t *nodes, std::size_t *number) {
    CONTEXT_CALL("cuGraphGetNodes")
    const auto it = state().graphs.find(graph);
    if (it == state().graphs.end() || number == nullptr) {
        return result::invalid_value;
    }
    for (std::size_t i = 0; nodes != nullptr && i < *number && i < it->second->nodes.size(); ++i) {
        nodes[i] = graph + 1 + i;
    }
    *number = it->second->nodes.size();
    return result::success;
}

int cuGraphDestroy(std::uint64_t graph) {
    PLAIN_CALL("cuGraphDestroy")
    const auto it = state().graphs.find(graph);
    if (it == state().graphs.end()) {
        return result::invalid_value;
    }
    const int sticky = it->second->context->sticky;
    state().graphs.erase(it);
    count("graphs", -1);
    return sticky;
}

int cuGraphExecDestroy(std::uint64_t executable) {
    PLAIN_CALL("cuGraphExecDestroy")
    const auto it = state().executables.find(executable);
    if (it == state().executables.end()) {
        return result::invalid_value;
    }
    // The work of its launches has separate copies, but the real one waits for nothing either.
    const int sticky = it->second->context->sticky;
    state().executables.erase(it);
    count("graphs", -1);
    return sticky;
}
}
