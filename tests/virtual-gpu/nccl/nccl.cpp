// A libnccl.so.2 for the virtual GPU: what Panoptim's cut of nccl.h names, between members that are
// threads of one process, each with its own communicator over the one virtual device.
//
// It shows that members make the same calls in the same order, with the sizes that the others
// expect, on memory of the device; that a call's result is waited for before what needs it is
// queued; and what becomes of errors, of members that are late, and of those that are gone.
//
// It does not show what only devices do: transfers run while the host asks for the state of its
// communicator, not behind the work of a stream, for which ncclGroupEnd waits. So nothing here
// takes long on a stream after NCCL has said that it is queued, and nothing is known of speed, of
// several processes or machines, or of what NCCL does with the memory that it needs for itself.
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "nccl.h"

extern "C" {
int cuStreamSynchronize(cudaStream_t stream);
int cuCtxGetCurrent(void **context);
int panoptimVirtualReaches(std::uint64_t address, std::size_t bytes);
}

namespace {

using Clock = std::chrono::steady_clock;

constexpr int version = 22003;

// A transfer that one side has asked for.
struct Transfer {
    void *memory;
    std::size_t bytes;
    Clock::time_point ready; // when it may be taken
    bool done = false;
};

// The members that have a communicator of one name.
struct Clique {
    int ranks = 0;
    int joined = 0;
    // What was sent and not received, by sender and receiver.
    std::map<std::pair<int, int>, std::deque<std::shared_ptr<Transfer>>> sent;
};

} // namespace

struct ncclComm {
    std::shared_ptr<Clique> clique;
    int rank = 0;
    bool blocking = false;
    ncclResult_t failed = ncclSuccess;
    // What goes on, by member.
    std::vector<std::shared_ptr<Transfer>> sending;
    std::map<int, std::deque<std::shared_ptr<Transfer>>> receiving;
};

namespace {

// One lock for all; nothing is done for long under it.
std::mutex lock;
std::map<std::string, std::shared_ptr<Clique>> cliques;
int next_id = 1;
long long live = 0;
int lost_rank = -1;
std::chrono::milliseconds delay{0};
std::string last_error;

struct Injection {
    int code;
    int after;
};
std::map<std::string, Injection> injections;

// The error that a call is to return, if one is.
ncclResult_t injected(const char *call) {
    const auto found = injections.find(call);
    if (found == injections.end() || --found->second.after > 0) {
        return ncclSuccess;
    }
    const auto code = static_cast<ncclResult_t>(found->second.code);
    injections.erase(found);
    last_error = std::string("injected into ") + call;
    return code;
}

ncclResult_t refuse(ncclResult_t code, const char *why) {
    last_error = why;
    return code;
}

// What a thread has asked for since its outermost ncclGroupStart.
struct Asked {
    ncclComm_t comm;
    bool send;
    int peer;
    std::shared_ptr<Transfer> transfer;
    cudaStream_t stream;
};
thread_local int depth = 0;
thread_local ncclResult_t failed_in_group = ncclSuccess;
thread_local std::vector<Asked> asked;

// Takes what has come, and says how the communicator is.
ncclResult_t progress(ncclComm &comm) {
    if (comm.failed != ncclSuccess) {
        return comm.failed;
    }
    if (comm.clique->joined < comm.clique->ranks) {
        return ncclInProgress;
    }
    bool going_on = false;
    for (auto &[peer, waiting] : comm.receiving) {
        auto &sent = comm.clique->sent[{peer, comm.rank}];
        while (!waiting.empty() && !sent.empty() && sent.front()->ready <= Clock::now()) {
            Transfer &from = *sent.front();
            Transfer &to = *waiting.front();
            if (from.bytes != to.bytes) {
                comm.failed = refuse(ncclInvalidUsage, "a member expects another size than comes");
                return comm.failed;
            }
            std::memcpy(to.memory, from.memory, to.bytes);
            from.done = true;
            sent.pop_front();
            waiting.pop_front();
        }
        going_on = going_on || !waiting.empty();
    }
    std::erase_if(comm.sending, [](const auto &sent) { return sent->done; });
    return going_on || !comm.sending.empty() ? ncclInProgress : ncclSuccess;
}

ncclResult_t wait(ncclComm &comm) {
    for (;;) {
        const std::lock_guard<std::mutex> guard(lock);
        if (const ncclResult_t state = progress(comm); state != ncclInProgress) {
            return state;
        }
    }
}

// Hands over what a thread has asked for; nothing if a call has failed.
ncclResult_t submit() {
    std::vector<Asked> all;
    all.swap(asked);
    if (const auto failed = std::exchange(failed_in_group, ncclSuccess); failed != ncclSuccess) {
        return failed;
    }
    bool blocking = false;
    for (const Asked &each : all) {
        // What the stream has to do before; without the lock, since it may take long.
        if (cuStreamSynchronize(each.stream) != 0) {
            return refuse(ncclUnhandledCudaError, "the stream's work has failed");
        }
    }
    {
        const std::lock_guard<std::mutex> guard(lock);
        for (const Asked &each : all) {
            blocking = blocking || each.comm->blocking;
            if (!each.send) {
                each.comm->receiving[each.peer].push_back(each.transfer);
                continue;
            }
            each.comm->sending.push_back(each.transfer);
            each.transfer->ready = Clock::now() + delay;
            if (each.comm->rank != lost_rank) {
                each.comm->clique->sent[{each.comm->rank, each.peer}].push_back(each.transfer);
            }
        }
    }
    if (!blocking) {
        return all.empty() ? ncclSuccess : ncclInProgress;
    }
    ncclResult_t result = ncclSuccess;
    for (const Asked &each : all) {
        const ncclResult_t state = wait(*each.comm);
        result = state == ncclSuccess ? result : state;
    }
    return result;
}

// Whether a thread may ask for a transfer.
ncclResult_t check(const char *call, void *memory, std::size_t count, ncclDataType_t type, int peer,
                   ncclComm_t comm) {
    const std::lock_guard<std::mutex> guard(lock);
    if (const ncclResult_t error = injected(call); error != ncclSuccess) {
        return error;
    }
    if (type != ncclUint8 || peer < 0 || peer >= comm->clique->ranks) {
        return refuse(ncclInvalidArgument, "no such type or member");
    }
    if (panoptimVirtualReaches(reinterpret_cast<std::uint64_t>(memory), count) == 0) {
        return refuse(ncclInvalidArgument, "what is to be moved is no memory of the device");
    }
    if (progress(*comm) != ncclSuccess) {
        return refuse(ncclInvalidUsage, "the communicator has not done yet, or has failed");
    }
    return ncclSuccess;
}

ncclResult_t ask(const char *call, bool send, void *memory, std::size_t count, ncclDataType_t type,
                 int peer, ncclComm_t comm, cudaStream_t stream) {
    if (const ncclResult_t error = check(call, memory, count, type, peer, comm);
        error != ncclSuccess) {
        failed_in_group = depth > 0 ? error : ncclSuccess;
        return error;
    }
    asked.push_back(
        {comm, send, peer, std::make_shared<Transfer>(Transfer{memory, count, {}}), stream});
    return depth > 0 ? ncclSuccess : submit();
}

} // namespace

extern "C" {

ncclResult_t ncclGetVersion(int *found) {
    *found = version;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id) {
    const std::lock_guard<std::mutex> guard(lock);
    if (const ncclResult_t error = injected("ncclGetUniqueId"); error != ncclSuccess) {
        return error;
    }
    *id = {};
    std::memcpy(id->internal, &next_id, sizeof next_id);
    ++next_id;
    return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t *config) {
    void *context = nullptr;
    if (cuCtxGetCurrent(&context) != 0 || context == nullptr) {
        return refuse(ncclUnhandledCudaError, "no context is current");
    }
    bool blocking = false;
    {
        const std::lock_guard<std::mutex> guard(lock);
        if (const ncclResult_t error = injected("ncclCommInitRankConfig"); error != ncclSuccess) {
            return error;
        }
        if (config->magic != PANOPTIM_NCCL_CONFIG_MAGIC || config->size != sizeof *config ||
            rank < 0 || rank >= ranks) {
            return refuse(ncclInvalidArgument, "settings or rank make no sense");
        }
        auto &clique = cliques[std::string(id.internal, sizeof id.internal)];
        if (!clique) {
            clique = std::make_shared<Clique>();
            clique->ranks = ranks;
        }
        if (clique->ranks != ranks) {
            return refuse(ncclInvalidUsage, "members are of different numbers");
        }
        ++clique->joined;
        ++live;
        blocking = config->blocking != 0;
        *comm = new ncclComm;
        (*comm)->clique = clique;
        (*comm)->rank = rank;
        (*comm)->blocking = blocking;
    }
    return blocking ? wait(**comm) : ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state) {
    const std::lock_guard<std::mutex> guard(lock);
    if (const ncclResult_t error = injected("ncclCommGetAsyncError"); error != ncclSuccess) {
        comm->failed = error;
    }
    *state = progress(*comm);
    return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
    const std::lock_guard<std::mutex> guard(lock);
    // Nobody may read the memory any more.
    for (auto &[pair, sent] : comm->clique->sent) {
        if (pair.first == comm->rank) {
            sent.clear();
        }
    }
    --live;
    delete comm;
    return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
    return ncclCommAbort(comm);
}

ncclResult_t ncclGroupStart() {
    ++depth;
    return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
    {
        const std::lock_guard<std::mutex> guard(lock);
        if (const ncclResult_t error = injected("ncclGroupEnd"); error != ncclSuccess) {
            failed_in_group = error;
        }
    }
    return --depth > 0 ? ncclSuccess : submit();
}

ncclResult_t ncclSend(const void *from, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
    return ask("ncclSend", true, const_cast<void *>(from), count, type, peer, comm, stream);
}

ncclResult_t ncclRecv(void *to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
    return ask("ncclRecv", false, to, count, type, peer, comm, stream);
}

const char *ncclGetErrorString(ncclResult_t result) {
    switch (result) {
    case ncclSuccess:
        return "no error";
    case ncclInvalidArgument:
        return "invalid argument";
    case ncclInvalidUsage:
        return "invalid usage";
    case ncclRemoteError:
        return "remote process exited or there was a network error";
    case ncclInProgress:
        return "in progress";
    default:
        return "another error";
    }
}

const char *ncclGetLastError(ncclComm_t) {
    thread_local std::string copy;
    const std::lock_guard<std::mutex> guard(lock);
    copy = last_error;
    return copy.c_str();
}

// The `after`-th following call of a function returns a code, once; of ncclCommGetAsyncError it is
// the state that is found from then on. 0: no call does.
int panoptimVirtualNcclFail(const char *call, int code, int after) {
    const std::lock_guard<std::mutex> guard(lock);
    if (after <= 0) {
        injections.erase(call);
    } else {
        injections[call] = {code, after};
    }
    return 0;
}

// Nothing that this member sends arrives from now on; -1: all does.
int panoptimVirtualNcclLose(int rank) {
    const std::lock_guard<std::mutex> guard(lock);
    lost_rank = rank;
    return 0;
}

// What is sent from now on arrives so many milliseconds later.
int panoptimVirtualNcclDelay(int milliseconds) {
    const std::lock_guard<std::mutex> guard(lock);
    delay = std::chrono::milliseconds(milliseconds);
    return 0;
}

// How many communicators there are.
long long panoptimVirtualNcclLive() {
    const std::lock_guard<std::mutex> guard(lock);
    return live;
}
}
