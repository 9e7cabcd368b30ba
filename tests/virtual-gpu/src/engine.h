// Runs one kernel after another on the calling thread.
#pragma once

#include <cstddef>

#include "registry.h"

namespace panoptim_virtual {

struct Extent {
    unsigned x, y, z;
};

struct Launch {
    const Kernel *kernel;
    Extent grid;
    Extent block;
    std::size_t shared; // dynamic, in bytes
    const unsigned char *arguments;
};

// Runs a kernel to its end: 0, or the CUresult that it failed with, after a message on stderr.
// Only one thread may be here at a time.
int execute(const Launch &launch);

// Kernels are not run at all: for measuring what a launch costs the host.
extern bool leave_out;

// "forward", "reverse", "random" or "random:SEED", for later launches; null: as the environment
// variable PANOPTIM_VIRTUAL_ORDER says at each launch. False if it is none of these.
bool set_order(const char *order);

// Says what lies at an address that a kernel must not reach; given by the owner of the memory.
// Called within a signal handler's consequence, outside it.
using Describe = void (*)(const void *address, char *text, std::size_t size);
extern Describe describe_address;

} // namespace panoptim_virtual
