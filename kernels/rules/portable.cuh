// What lets one rule file serve every compiler and every instruction set.
#pragma once

// The same headers are compiled once for each instruction-set tier. Each tier puts them into an
// inline namespace of its own, or the linker would keep one copy of an inline function for all
// tiers, and a processor without AVX-512 might be handed the AVX-512 one.
#ifndef PANOPTIM_TIER
#define PANOPTIM_TIER portable
#endif

// PANOPTIM_TEAM is for what threads do together (step/control_stages.cuh): their barriers are a
// device's alone wherever there is one.
#ifdef __CUDACC__
#define PANOPTIM_DEVICE __host__ __device__ __forceinline__
#define PANOPTIM_TEAM __device__
#else
#define PANOPTIM_DEVICE inline
#define PANOPTIM_TEAM
#endif
