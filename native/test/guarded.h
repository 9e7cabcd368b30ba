// Memory that ends, or begins, exactly at a page that must not be touched: a stray read or write
// crashes the test, in vector code as well, which the sanitizers do not see through.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

// Pages between two forbidden ones, all zeros. What is given back is kept for the next array of as
// many pages: to take pages away from a process costs more than most tests do with them.
class GuardedPages {
  public:
    // The first of `inner` bytes.
    static char *take(std::size_t inner) {
        std::vector<char *> &kept = kept_[inner];
        if (!kept.empty()) {
            char *const pages = kept.back();
            kept.pop_back();
            std::memset(pages, 0, inner);
            return pages;
        }
        void *const mapped =
            mmap(nullptr, inner + 2 * page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) {
            std::abort();
        }
        char *const pages = static_cast<char *>(mapped) + page();
        if (inner > 0 && mprotect(pages, inner, PROT_READ | PROT_WRITE) != 0) {
            std::abort();
        }
        return pages;
    }

    static void give_back(char *pages, std::size_t inner) {
        constexpr std::size_t most_kept = std::size_t{1} << 20;
        if (inner <= most_kept) {
            kept_[inner].push_back(pages);
        } else {
            munmap(pages - page(), inner + 2 * page());
        }
    }

    static std::size_t page() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

  private:
    static inline thread_local std::map<std::size_t, std::vector<char *>> kept_;
};

// Which end of the array lies at the forbidden page.
enum class Edge { begin, end };

template <typename T>
class Guarded {
  public:
    Guarded() = default;

    // All zeros. A shift of some elements leaves that much space to the forbidden page, and so
    // moves the array off its alignment.
    Guarded(int64_t size, Edge edge, int64_t shift = 0) : size_(size) {
        const std::size_t page = GuardedPages::page();
        const std::size_t bytes = static_cast<std::size_t>(size) * sizeof(T);
        const std::size_t shift_bytes = static_cast<std::size_t>(shift) * sizeof(T);
        page_bytes_ = (bytes + shift_bytes + page - 1) / page * page;
        pages_ = GuardedPages::take(page_bytes_);
        char *const start =
            edge == Edge::begin ? pages_ + shift_bytes : pages_ + page_bytes_ - bytes - shift_bytes;
        data_ = reinterpret_cast<T *>(start);
    }

    Guarded(Guarded &&other) noexcept { swap(other); }
    Guarded &operator=(Guarded &&other) noexcept {
        swap(other);
        return *this;
    }
    ~Guarded() {
        if (pages_ != nullptr) {
            GuardedPages::give_back(pages_, page_bytes_);
        }
    }

    T *data() const { return data_; }
    int64_t size() const { return size_; }
    T &operator[](int64_t i) const { return data_[i]; }
    T *begin() const { return data_; }
    T *end() const { return data_ + size_; }

  private:
    void swap(Guarded &other) noexcept {
        std::swap(pages_, other.pages_);
        std::swap(page_bytes_, other.page_bytes_);
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
    }

    char *pages_ = nullptr;
    std::size_t page_bytes_ = 0;
    T *data_ = nullptr;
    int64_t size_ = 0;
};
