// The processor's floating-point settings during a call.
#pragma once

#include <cstdint>

namespace panoptim {

// Rounds to nearest, keeps denormal numbers and masks exceptions while it lives, and then restores
// what the caller had: a library that turned on flush-to-zero must not change results.
//
// The compiler does not know that arithmetic depends on these settings. So an instance belongs in a
// function that calls the arithmetic in another source file.
class FloatingPointSettings {
  public:
    FloatingPointSettings() : saved_(read()) { set(standard()); }
    ~FloatingPointSettings() { set(saved_); }
    FloatingPointSettings(const FloatingPointSettings &) = delete;
    FloatingPointSettings &operator=(const FloatingPointSettings &) = delete;

  private:
#if defined(__x86_64__)
    using Word = uint32_t;
    static Word read() {
        return __builtin_ia32_stmxcsr();
    }
    static void write(Word word) {
        __builtin_ia32_ldmxcsr(word);
    }
    static Word standard() {
        return 0x1f80;
    }
#elif defined(__aarch64__)
    using Word = uint64_t;
    static Word read() {
        Word word = 0;
        asm volatile("mrs %0, fpcr" : "=r"(word));
        return word;
    }
    static void write(Word word) {
        asm volatile("msr fpcr, %0" : : "r"(word) : "memory");
    }
    static Word standard() {
        return 0;
    }
#else
#error "unknown architecture"
#endif

    static void set(Word word) {
        if (word != read()) {
            write(word);
        }
    }

    const Word saved_;
};

} // namespace panoptim
