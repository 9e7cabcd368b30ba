// Memory that ends, or begins, exactly at a page that must not be touched: a stray read or write
// crashes the test, in vector code as well, which the sanitizers do not see through.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

// Which end of the array lies at the forbidden page.
enum class Edge { begin, end };

template <typename T>
class Guarded {
  public:
    Guarded() = default;

    // All zeros. A shift of some elements leaves that much space to the forbidden page, and so
    // moves the array off its alignment.
    Guarded(int64_t size, Edge edge, int64_t shift = 0) : size_(size) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
        const std::size_t shift_bytes = static_cast<std::size_t>(shift) * sizeof(T);
        const std::size_t inner = (bytes + shift_bytes + page - 1) / page * page;
        mapped_bytes_ = inner + 2 * page;
        mapped_ = static_cast<char *>(
            mmap(nullptr, mapped_bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (mapped_ == MAP_FAILED ||
            (inner > 0 && mprotect(mapped_ + page, inner, PROT_READ | PROT_WRITE) != 0)) {
            std::abort();
        }
        char *const start = edge == Edge::begin ? mapped_ + page + shift_bytes
                                                : mapped_ + page + inner - bytes - shift_bytes;
        data_ = reinterpret_cast<T *>(start);
    }

    Guarded(Guarded &&other) noexcept { swap(other); }
    Guarded &operator=(Guarded &&other) noexcept {
        swap(other);
        return *this;
    }
    ~Guarded() {
        if (mapped_ != nullptr) {
            munmap(mapped_, mapped_bytes_);
        }
    }

    T *data() const { return data_; }
    int64_t size() const { return size_; }
    T &operator[](int64_t i) const { return data_[i]; }
    T *begin() const { return data_; }
    T *end() const { return data_ + size_; }

  private:
    void swap(Guarded &other) noexcept {
        std::swap(mapped_, other.mapped_);
        std::swap(mapped_bytes_, other.mapped_bytes_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }

    char *mapped_ = nullptr;
    std::size_t mapped_bytes_ = 0;
    T *data_ = nullptr;
    int64_t size_ = 0;
};
