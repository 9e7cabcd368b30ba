// Stands in for nvcc and its headers, so that g++ compiles the project's kernels as they are. It is
// included before everything else (-include) and needs no CUDA header.
//
// Numbers behave as the host compiler makes them behave; compile with -ffp-contract=off and without
// fast maths. __CUDACC__ and __CUDA_ARCH__ stay undefined.
//
// __shared__ is thread_local: the library's thread-local storage holds nothing else, and the engine
// fills it with garbage at the start of a block and swaps it when it changes between blocks. An
// `extern __shared__ T name[]` of a kernel needs one definition, which kernels.cpp gives with
// PANOPTIM_VIRTUAL_DYNAMIC_SHARED(T, name) in the same namespace.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __managed__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __shared__ thread_local

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
        : x(width), y(height), z(depth) {}
};

#define PANOPTIM_VIRTUAL_VECTOR(type, name, bytes2, bytes4)                                        \
    struct alignas(bytes2) name##2 {                                                               \
        type x, y;                                                                                 \
    };                                                                                             \
    struct alignas(bytes4) name##4 {                                                               \
        type x, y, z, w;                                                                           \
    };                                                                                             \
    inline name##2 make_##name##2(type x, type y) {                                                \
        return {x, y};                                                                             \
    }                                                                                              \
    inline name##4 make_##name##4(type x, type y, type z, type w) {                                \
        return {x, y, z, w};                                                                       \
    }
PANOPTIM_VIRTUAL_VECTOR(float, float, 8, 16)
PANOPTIM_VIRTUAL_VECTOR(double, double, 16, 16)
PANOPTIM_VIRTUAL_VECTOR(int, int, 8, 16)
PANOPTIM_VIRTUAL_VECTOR(unsigned, uint, 8, 16)
PANOPTIM_VIRTUAL_VECTOR(short, short, 4, 8)
PANOPTIM_VIRTUAL_VECTOR(unsigned short, ushort, 4, 8)
PANOPTIM_VIRTUAL_VECTOR(unsigned char, uchar, 2, 4)
PANOPTIM_VIRTUAL_VECTOR(long long, longlong, 16, 16)
PANOPTIM_VIRTUAL_VECTOR(unsigned long long, ulonglong, 16, 16)
#undef PANOPTIM_VIRTUAL_VECTOR

// Set by the engine whenever it changes between threads.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

namespace panoptim_virtual {

// Where in the source a thread waits. Threads that wait at different lines do not meet.
struct Site {
    const char *file;
    int line;
};

enum class WarpOperation { synchronize, shuffle, vote };

// Waits for all threads of the block; how many of them gave true.
unsigned barrier(bool predicate, Site site);

// Waits for the threads of mask. Shuffle: the value of lane `source`; vote: the lanes with a value
// other than 0.
std::uint64_t warp(WarpOperation operation, unsigned mask, std::uint64_t value, unsigned source,
                   Site site);

// The calling thread's lane.
unsigned lane();

// Lets other threads and blocks go on.
void sleep();

// As sleep, now and then: called by what a waiting loop must contain.
void spin();

// Ends the kernel with an error.
[[noreturn]] void trap(const char *message);

// Orders of memory: a kernel runs on one thread of the host, so the compiler's order is all.
inline void fence() {
    __asm__ volatile("" ::: "memory");
    spin();
}

template <typename To, typename From>
inline To bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

template <typename T>
inline T shuffle(unsigned mask, T value, int source, Site site) {
    static_assert(sizeof(T) == 4 || sizeof(T) == 8);
    using Word = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
    const std::uint64_t result =
        warp(WarpOperation::shuffle, mask, bits<Word>(value), static_cast<unsigned>(source), site);
    return bits<T>(static_cast<Word>(result));
}

// The engine never leaves a thread within one of these, so they are indivisible.
template <typename T, typename Change>
inline T atomic(T *address, Change change) {
    spin();
    const T old = *address;
    *address = change(old);
    return old;
}

} // namespace panoptim_virtual

#define PANOPTIM_VIRTUAL_SITE                                                                      \
    panoptim_virtual::Site {                                                                       \
        file, line                                                                                 \
    }
#define PANOPTIM_VIRTUAL_HERE const char *file = __builtin_FILE(), int line = __builtin_LINE()

inline void __syncthreads(PANOPTIM_VIRTUAL_HERE) {
    panoptim_virtual::barrier(false, PANOPTIM_VIRTUAL_SITE);
}
inline int __syncthreads_count(int predicate, PANOPTIM_VIRTUAL_HERE) {
    return static_cast<int>(panoptim_virtual::barrier(predicate != 0, PANOPTIM_VIRTUAL_SITE));
}
inline int __syncthreads_or(int predicate, PANOPTIM_VIRTUAL_HERE) {
    return panoptim_virtual::barrier(predicate != 0, PANOPTIM_VIRTUAL_SITE) != 0 ? 1 : 0;
}
inline int __syncthreads_and(int predicate, PANOPTIM_VIRTUAL_HERE) {
    return panoptim_virtual::barrier(predicate == 0, PANOPTIM_VIRTUAL_SITE) == 0 ? 1 : 0;
}
inline void __syncwarp(unsigned mask = 0xffffffffU, PANOPTIM_VIRTUAL_HERE) {
    panoptim_virtual::warp(panoptim_virtual::WarpOperation::synchronize, mask, 0, 0,
                           PANOPTIM_VIRTUAL_SITE);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, PANOPTIM_VIRTUAL_HERE) {
    return static_cast<unsigned>(panoptim_virtual::warp(panoptim_virtual::WarpOperation::vote, mask,
                                                        predicate != 0 ? 1 : 0, 0,
                                                        PANOPTIM_VIRTUAL_SITE));
}
inline int __any_sync(unsigned mask, int predicate, PANOPTIM_VIRTUAL_HERE) {
    return __ballot_sync(mask, predicate, file, line) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate, PANOPTIM_VIRTUAL_HERE) {
    return __ballot_sync(mask, predicate == 0 ? 1 : 0, file, line) == 0 ? 1 : 0;
}
// Which threads happen to run together is the hardware's choice; here it is always one.
inline unsigned __activemask() {
    return 1U << panoptim_virtual::lane();
}

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, PANOPTIM_VIRTUAL_HERE) {
    const int lane = static_cast<int>(panoptim_virtual::lane());
    return panoptim_virtual::shuffle(mask, value, (lane & ~(width - 1)) + (source & (width - 1)),
                                     PANOPTIM_VIRTUAL_SITE);
}
template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                        PANOPTIM_VIRTUAL_HERE) {
    const int lane = static_cast<int>(panoptim_virtual::lane());
    const int from = lane - static_cast<int>(delta);
    return panoptim_virtual::shuffle(mask, value, from < (lane & ~(width - 1)) ? lane : from,
                                     PANOPTIM_VIRTUAL_SITE);
}
template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                          PANOPTIM_VIRTUAL_HERE) {
    const int lane = static_cast<int>(panoptim_virtual::lane());
    const int from = lane + static_cast<int>(delta);
    return panoptim_virtual::shuffle(mask, value, from > (lane | (width - 1)) ? lane : from,
                                     PANOPTIM_VIRTUAL_SITE);
}
template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, PANOPTIM_VIRTUAL_HERE) {
    const int lane = static_cast<int>(panoptim_virtual::lane());
    const int from = lane ^ lanes;
    return panoptim_virtual::shuffle(mask, value, from > (lane | (width - 1)) ? lane : from,
                                     PANOPTIM_VIRTUAL_SITE);
}
#undef PANOPTIM_VIRTUAL_HERE
#undef PANOPTIM_VIRTUAL_SITE

inline void __threadfence() {
    panoptim_virtual::fence();
}
inline void __threadfence_block() {
    panoptim_virtual::fence();
}
inline void __threadfence_system() {
    panoptim_virtual::fence();
}
inline void __nanosleep(unsigned) {
    panoptim_virtual::sleep();
}
[[noreturn]] inline void __trap() {
    panoptim_virtual::trap("trap");
}

// Atomics, for the types that CUDA has them for.
#define PANOPTIM_VIRTUAL_ATOMIC(name, type, expression)                                            \
    inline type name(type *address, type value) {                                                  \
        return panoptim_virtual::atomic(address,                                                   \
                                        [value](type old) -> type { return expression; });         \
    }
#define PANOPTIM_VIRTUAL_ATOMICS(type)                                                             \
    PANOPTIM_VIRTUAL_ATOMIC(atomicMin, type, value < old ? value : old)                            \
    PANOPTIM_VIRTUAL_ATOMIC(atomicMax, type, value > old ? value : old)                            \
    PANOPTIM_VIRTUAL_ATOMIC(atomicAnd, type, old &value)                                           \
    PANOPTIM_VIRTUAL_ATOMIC(atomicOr, type, old | value)                                           \
    PANOPTIM_VIRTUAL_ATOMIC(atomicXor, type, old ^ value)                                          \
    PANOPTIM_VIRTUAL_ATOMIC(atomicExch, type, (static_cast<void>(old), value))                     \
    inline type atomicCAS(type *address, type compare, type value) {                               \
        return panoptim_virtual::atomic(                                                           \
            address, [=](type old) -> type { return old == compare ? value : old; });              \
    }
PANOPTIM_VIRTUAL_ATOMICS(int)
PANOPTIM_VIRTUAL_ATOMICS(unsigned)
PANOPTIM_VIRTUAL_ATOMICS(unsigned long long)
PANOPTIM_VIRTUAL_ATOMIC(atomicMin, long long, value < old ? value : old)
PANOPTIM_VIRTUAL_ATOMIC(atomicMax, long long, value > old ? value : old)
PANOPTIM_VIRTUAL_ATOMIC(atomicAdd, int,
                        static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
PANOPTIM_VIRTUAL_ATOMIC(atomicAdd, unsigned, old + value)
PANOPTIM_VIRTUAL_ATOMIC(atomicAdd, unsigned long long, old + value)
PANOPTIM_VIRTUAL_ATOMIC(atomicAdd, float, old + value)
PANOPTIM_VIRTUAL_ATOMIC(atomicAdd, double, old + value)
PANOPTIM_VIRTUAL_ATOMIC(atomicSub, int,
                        static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value)))
PANOPTIM_VIRTUAL_ATOMIC(atomicSub, unsigned, old - value)
PANOPTIM_VIRTUAL_ATOMIC(atomicExch, float, (static_cast<void>(old), value))
PANOPTIM_VIRTUAL_ATOMIC(atomicInc, unsigned, old >= value ? 0U : old + 1U)
PANOPTIM_VIRTUAL_ATOMIC(atomicDec, unsigned, old == 0U || old > value ? value : old - 1U)
#undef PANOPTIM_VIRTUAL_ATOMICS
#undef PANOPTIM_VIRTUAL_ATOMIC

// Loads and stores with a hint for the caches.
#define PANOPTIM_VIRTUAL_LOAD(name)                                                                \
    template <typename T>                                                                          \
    inline T name(const T *address) {                                                              \
        return *address;                                                                           \
    }
#define PANOPTIM_VIRTUAL_STORE(name)                                                               \
    template <typename T>                                                                          \
    inline void name(T *address, T value) {                                                        \
        *address = value;                                                                          \
    }
PANOPTIM_VIRTUAL_LOAD(__ldg)
PANOPTIM_VIRTUAL_LOAD(__ldca)
PANOPTIM_VIRTUAL_LOAD(__ldcg)
PANOPTIM_VIRTUAL_LOAD(__ldcs)
PANOPTIM_VIRTUAL_LOAD(__ldlu)
PANOPTIM_VIRTUAL_LOAD(__ldcv)
PANOPTIM_VIRTUAL_STORE(__stwb)
PANOPTIM_VIRTUAL_STORE(__stcg)
PANOPTIM_VIRTUAL_STORE(__stcs)
PANOPTIM_VIRTUAL_STORE(__stwt)
#undef PANOPTIM_VIRTUAL_LOAD
#undef PANOPTIM_VIRTUAL_STORE

inline unsigned __float_as_uint(float x) {
    return panoptim_virtual::bits<unsigned>(x);
}
inline int __float_as_int(float x) {
    return panoptim_virtual::bits<int>(x);
}
inline float __uint_as_float(unsigned x) {
    return panoptim_virtual::bits<float>(x);
}
inline float __int_as_float(int x) {
    return panoptim_virtual::bits<float>(x);
}
inline long long __double_as_longlong(double x) {
    return panoptim_virtual::bits<long long>(x);
}
inline double __longlong_as_double(long long x) {
    return panoptim_virtual::bits<double>(x);
}

inline float __fadd_rn(float a, float b) {
    return a + b;
}
inline float __fsub_rn(float a, float b) {
    return a - b;
}
inline float __fmul_rn(float a, float b) {
    return a * b;
}
inline float __fdiv_rn(float a, float b) {
    return a / b;
}
inline float __fsqrt_rn(float a) {
    return __builtin_sqrtf(a);
}
inline float __fmaf_rn(float a, float b, float c) {
    return __builtin_fmaf(a, b, c);
}
inline double __dadd_rn(double a, double b) {
    return a + b;
}
inline double __dsub_rn(double a, double b) {
    return a - b;
}
inline double __dmul_rn(double a, double b) {
    return a * b;
}
inline double __ddiv_rn(double a, double b) {
    return a / b;
}
inline double __dsqrt_rn(double a) {
    return __builtin_sqrt(a);
}
inline double __fma_rn(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}
inline float __double2float_rn(double x) {
    return static_cast<float>(x);
}

inline int __popc(unsigned x) {
    return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
    return __builtin_popcountll(x);
}
inline int __ffs(int x) {
    return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
    return __builtin_ffsll(x);
}
inline int __clz(int x) {
    return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline int __clzll(long long x) {
    return x == 0 ? 64 : __builtin_clzll(static_cast<unsigned long long>(x));
}
inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(a) * b) >> 32);
}
inline int min(int a, int b) {
    return b < a ? b : a;
}
inline int max(int a, int b) {
    return b > a ? b : a;
}
inline unsigned min(unsigned a, unsigned b) {
    return b < a ? b : a;
}
inline unsigned max(unsigned a, unsigned b) {
    return b > a ? b : a;
}
inline long long min(long long a, long long b) {
    return b < a ? b : a;
}
inline long long max(long long a, long long b) {
    return b > a ? b : a;
}
inline unsigned long long min(unsigned long long a, unsigned long long b) {
    return b < a ? b : a;
}
inline unsigned long long max(unsigned long long a, unsigned long long b) {
    return b > a ? b : a;
}
