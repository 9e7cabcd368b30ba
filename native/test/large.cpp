// Tensors of more elements than 31 or 32 bits count. Only their last chunk is backed by memory:
// what is touched elsewhere crashes.
#include <doctest/doctest.h>

#include <initializer_list>

#include "problem.h"

namespace {

constexpr int64_t page = 1 << 16; // a multiple of the page size everywhere

int64_t rounded_down(int64_t bytes) {
    return bytes / page * page;
}

// Address space for an array, of which the elements from one on can be used; it ends at a forbidden
// page.
class Sparse {
  public:
    Sparse(int64_t elements, int64_t first_usable) {
        const int64_t bytes = elements * static_cast<int64_t>(sizeof(float));
        const int64_t inner = rounded_down(bytes + page - 1);
        bytes_ = static_cast<std::size_t>(inner + page);
        mapped_ = static_cast<char *>(
            mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
        REQUIRE(mapped_ != MAP_FAILED);
        char *const start = mapped_ + (inner - bytes);
        data_ = reinterpret_cast<float *>(start);
        const int64_t usable =
            rounded_down((inner - bytes) + first_usable * static_cast<int64_t>(sizeof(float)));
        REQUIRE(mprotect(mapped_ + usable, static_cast<std::size_t>(inner - usable),
                         PROT_READ | PROT_WRITE) == 0);
    }
    Sparse(const Sparse &) = delete;
    Sparse &operator=(const Sparse &) = delete;
    ~Sparse() { munmap(mapped_, bytes_); }

    float *data() const { return data_; }
    float &operator[](int64_t i) const { return data_[i]; }

  private:
    char *mapped_ = nullptr;
    std::size_t bytes_ = 0;
    float *data_ = nullptr;
};

} // namespace

TEST_CASE("the last chunk of a tensor beyond 31 and 32 bits is found") {
    constexpr int64_t chunk_elements = PANOPTIM_BLOCK;
    for (const int32_t tier : usable_tiers()) {
        for (const int64_t elements :
             {(int64_t{1} << 31) - 1, int64_t{1} << 31, (int64_t{1} << 32) + 1}) {
            CAPTURE(tier);
            CAPTURE(elements);
            const int64_t index = (elements - 1) / chunk_elements;
            const Sparse value(elements, index * chunk_elements);
            const Sparse gradient(elements, index * chunk_elements);
            value[elements - 1] = 1;
            gradient[elements - 1] = 3;

            // A plan of one tensor, whose other chunks are left out.
            Problem problem(chunk_elements);
            Settings hyper;
            hyper["learning_rate"] = 0.5;
            problem.add_tensor(problem.add_group("sgd", hyper), 1);
            problem.control.measure = 1;
            problem.control.statistics = 1;
            problem.control.zero_gradients = 1;
            problem.build();
            panoptim_tensor tensor = problem.plan.tensors[0];
            tensor.value = value.data();
            tensor.elements = elements;
            const panoptim_chunk chunk{0, static_cast<int32_t>(index)};
            const int64_t address = reinterpret_cast<int64_t>(gradient.data());
            panoptim_plan plan = problem.plan;
            plan.tensors = &tensor;
            plan.chunks = &chunk;
            plan.gradients = &address;
            CHECK(panoptim_measure(tier, &plan, 0, 1) == PANOPTIM_OK);
            CHECK(panoptim_gather(&plan) == PANOPTIM_OK);
            CHECK(problem.control.square_sum == 9);
            CHECK(panoptim_decide(&plan) == PANOPTIM_OK);
            CHECK(panoptim_prepare(&plan, 0) == PANOPTIM_OK);
            CHECK(panoptim_update(tier, &plan, 0, 0, 1) == PANOPTIM_OK);
            CHECK(panoptim_finish(&plan) == PANOPTIM_OK);
            CHECK(value[elements - 1] == -0.5F);
            CHECK(gradient[elements - 1] == 0);
            CHECK(problem.control.update_norm == 1.5);
        }
    }
}
