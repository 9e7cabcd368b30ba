// The virtual cuBLAS, with the driver that has the project's kernels.
#include <limits>

#include "device.h"

extern "C" {
int cublasCreate_v2(std::uint64_t *);
int cublasDestroy_v2(std::uint64_t);
int cublasGetVersion_v2(std::uint64_t, int *);
int cublasSetStream_v2(std::uint64_t, std::uint64_t);
int cublasSgemm_v2(std::uint64_t, int, int, int, int, int, const float *, const float *, int,
                   const float *, int, const float *, float *, int);
int cublasSgemmStridedBatched(std::uint64_t, int, int, int, int, int, const float *, const float *,
                              int, long long, const float *, int, long long, const float *, float *,
                              int, long long, int);
int cublasSsyrk_v2(std::uint64_t, int, int, int, int, const float *, const float *, int,
                   const float *, float *, int);
}

namespace {

struct Blas {
    std::uint64_t handle = 0;

    explicit Blas(const Device &device) {
        REQUIRE(cublasCreate_v2(&handle) == 0);
        REQUIRE(cublasSetStream_v2(handle, device.stream) == 0);
    }
    ~Blas() { cublasDestroy_v2(handle); }
};

const float one = 1;
const float zero = 0;

} // namespace

TEST_CASE("products take each operand as it is or transposed") {
    Device device;
    const Blas blas(device);
    // By columns: A = [1 3 5; 2 4 6], B = [1 4; 2 5; 3 6].
    const std::vector<float> a{1, 2, 3, 4, 5, 6};
    const std::vector<float> b{1, 2, 3, 4, 5, 6};
    const std::vector<float> at{1, 3, 5, 2, 4, 6};
    const std::vector<float> bt{1, 4, 2, 5, 3, 6};
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const int transpose_a : {0, 1}) {
        for (const int transpose_b : {0, 1}) {
            float *left = device.upload(transpose_a == 0 ? a : at);
            float *right = device.upload(transpose_b == 0 ? b : bt);
            // Beta 0 does not read what was there.
            float *result = device.upload(std::vector<float>(4, nan));
            REQUIRE(cublasSgemm_v2(blas.handle, transpose_a, transpose_b, 2, 2, 3, &one, left,
                                   transpose_a == 0 ? 2 : 3, right, transpose_b == 0 ? 3 : 2, &zero,
                                   result, 2) == 0);
            CHECK(device.download(result, 4) == std::vector<float>{22, 28, 49, 64});
        }
    }
}

TEST_CASE("batches, and the triangle of a product with itself") {
    Device device;
    const Blas blas(device);
    float *a = device.upload(std::vector<float>{2, 3, 5});
    float *c = device.upload(std::vector<float>{1, 1, 1});
    REQUIRE(cublasSgemmStridedBatched(blas.handle, 0, 0, 1, 1, 1, &one, a, 1, 1, a, 1, 1, &one, c,
                                      1, 1, 3) == 0);
    CHECK(device.download(c, 3) == std::vector<float>{5, 10, 26});
    float *square = device.upload(std::vector<float>(4, 7));
    REQUIRE(cublasSsyrk_v2(blas.handle, 0, 0, 2, 1, &one, a, 2, &zero, square, 2) == 0);
    CHECK(device.download(square, 4) == std::vector<float>{4, 6, 7, 9});
}

TEST_CASE("wrong sizes are refused, and memory out of bounds is found") {
    Device device;
    const Blas blas(device);
    int version = 0;
    REQUIRE(cublasGetVersion_v2(blas.handle, &version) == 0);
    CHECK(version == 130100);
    float *a = device.allocate<float>(4);
    CHECK(cublasSgemm_v2(blas.handle, 0, 0, 2, 2, 2, &one, a, 1, a, 2, &zero, a, 2) == 7);
    CHECK(cublasSgemm_v2(12345, 0, 0, 2, 2, 2, &one, a, 2, a, 2, &zero, a, 2) == 1);
    CHECK(cublasSgemm_v2(blas.handle, 0, 0, 2, 3, 2, &one, a, 2, a, 2, &zero, a, 2) == 0);
    CHECK(cuStreamSynchronize(device.stream) == illegal_address);
}
