// A cuBLAS over plain loops: what CudaBlas needs of it. Its work goes to the streams of the virtual
// driver. Sums are taken in order in float, which is none of the orders a device has.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <unordered_map>

extern "C" {
int cuCtxGetCurrent(std::uint64_t *context);
int cuStreamGetFlags(std::uint64_t stream, unsigned *flags);
int panoptimVirtualSubmit(std::uint64_t stream, int (*run)(const void *), const void *data,
                          std::size_t bytes);
int panoptimVirtualReaches(std::uint64_t address, std::size_t bytes);
}

namespace {

// cublasStatus_t
constexpr int success = 0;
constexpr int not_initialized = 1;
constexpr int invalid_value = 7;
constexpr int execution_failed = 13;

struct Handle {
    std::uint64_t stream;
    int pointer_mode; // 0: scalars on the host; 1: on the device
    int math_mode;
};

std::mutex lock;
std::unordered_map<std::uint64_t, Handle> &handles() {
    static auto &all = *new std::unordered_map<std::uint64_t, Handle>;
    return all;
}
std::uint64_t last_handle = 0x7b00'0000'0000;

bool find(std::uint64_t number, Handle &handle) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto it = handles().find(number);
    if (it == handles().end()) {
        return false;
    }
    handle = it->second;
    return true;
}

template <typename Change>
int change(std::uint64_t number, Change apply) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto it = handles().find(number);
    if (it == handles().end()) {
        return not_initialized;
    }
    apply(it->second);
    return success;
}

// A float from the host now, or from the device when the work is done.
struct Scalar {
    std::uint64_t device;
    float value;

    float get() const { return device == 0 ? value : *reinterpret_cast<const float *>(device); }
};

Scalar scalar(const Handle &handle, const float *from) {
    return handle.pointer_mode == 0 ? Scalar{0, *from}
                                    : Scalar{reinterpret_cast<std::uint64_t>(from), 0};
}

// C <- alpha op(A) op(B) + beta C, of matrices at fixed distances or behind arrays of pointers.
struct Product {
    enum class Part { all, lower, upper } part;
    bool transpose_a, transpose_b;
    bool pointers;
    int m, n, k;
    int lda, ldb, ldc;
    int count;
    long long stride_a, stride_b, stride_c;
    std::uint64_t a, b, c;
    Scalar alpha, beta;
};

// From the first element of a column-major matrix to behind its last.
std::size_t span(int rows, int columns, int distance) {
    return rows == 0 || columns == 0
               ? 0
               : ((static_cast<std::size_t>(columns) - 1) * static_cast<std::size_t>(distance) +
                  static_cast<std::size_t>(rows)) *
                     sizeof(float);
}

bool reaches(std::uint64_t address, std::size_t bytes) {
    return bytes == 0 || panoptimVirtualReaches(address, bytes) != 0;
}

std::uint64_t matrix(const Product &product, std::uint64_t base, long long stride, int index) {
    if (product.pointers) {
        return reinterpret_cast<const std::uint64_t *>(base)[index];
    }
    return base + static_cast<std::uint64_t>(stride * index) * sizeof(float);
}

bool multiply(const Product &p, int index, float alpha, float beta) {
    const std::uint64_t a_at = matrix(p, p.a, p.stride_a, index);
    const std::uint64_t b_at = matrix(p, p.b, p.stride_b, index);
    const std::uint64_t c_at = matrix(p, p.c, p.stride_c, index);
    if (!reaches(c_at, span(p.m, p.n, p.ldc)) ||
        (alpha != 0 &&
         !reaches(a_at, p.transpose_a ? span(p.k, p.m, p.lda) : span(p.m, p.k, p.lda))) ||
        (alpha != 0 &&
         !reaches(b_at, p.transpose_b ? span(p.n, p.k, p.ldb) : span(p.k, p.n, p.ldb)))) {
        return false;
    }
    const auto *a = reinterpret_cast<const float *>(a_at);
    const auto *b = reinterpret_cast<const float *>(b_at);
    auto *c = reinterpret_cast<float *>(c_at);
    const auto at = [](int row, int column, int distance) {
        return static_cast<std::size_t>(column) * static_cast<std::size_t>(distance) +
               static_cast<std::size_t>(row);
    };
    for (int j = 0; j < p.n; ++j) {
        for (int i = 0; i < p.m; ++i) {
            if ((p.part == Product::Part::lower && i < j) ||
                (p.part == Product::Part::upper && i > j)) {
                continue;
            }
            float sum = 0;
            for (int l = 0; alpha != 0 && l < p.k; ++l) {
                sum += a[p.transpose_a ? at(l, i, p.lda) : at(i, l, p.lda)] *
                       b[p.transpose_b ? at(j, l, p.ldb) : at(l, j, p.ldb)];
            }
            float &result = c[at(i, j, p.ldc)];
            // What beta = 0 multiplies is not read.
            result = beta == 0 ? alpha * sum : alpha * sum + beta * result;
        }
    }
    return true;
}

int run(const void *data) {
    Product product;
    std::memcpy(&product, data, sizeof product);
    constexpr int illegal_address = 700;
    for (const Scalar &each : {product.alpha, product.beta}) {
        if (each.device != 0 && !reaches(each.device, sizeof(float))) {
            return illegal_address;
        }
    }
    const std::size_t table = static_cast<std::size_t>(product.count) * sizeof(std::uint64_t);
    if (product.pointers &&
        (!reaches(product.a, table) || !reaches(product.b, table) || !reaches(product.c, table))) {
        return illegal_address;
    }
    const float alpha = product.alpha.get();
    const float beta = product.beta.get();
    for (int index = 0; index < product.count; ++index) {
        if (!multiply(product, index, alpha, beta)) {
            return illegal_address;
        }
    }
    return 0;
}

int submit(const Handle &handle, const Product &product) {
    const int rows_a = product.transpose_a ? product.k : product.m;
    const int rows_b = product.transpose_b ? product.n : product.k;
    if (product.m < 0 || product.n < 0 || product.k < 0 || product.count < 0 ||
        product.lda < (rows_a > 1 ? rows_a : 1) || product.ldb < (rows_b > 1 ? rows_b : 1) ||
        product.ldc < (product.m > 1 ? product.m : 1)) {
        return invalid_value;
    }
    if (product.m == 0 || product.n == 0 || product.count == 0) {
        return success;
    }
    return panoptimVirtualSubmit(handle.stream, run, &product, sizeof product) == 0
               ? success
               : execution_failed;
}

bool is_operation(int operation) {
    return operation >= 0 && operation <= 2;
}

std::uint64_t address(const void *pointer) {
    return reinterpret_cast<std::uint64_t>(pointer);
}

int multiply(std::uint64_t number, int operation_a, int operation_b, int m, int n, int k,
             const float *alpha, const void *a, int lda, long long stride_a, const void *b, int ldb,
             long long stride_b, const float *beta, const void *c, int ldc, long long stride_c,
             int count, bool pointers) {
    Handle handle;
    if (!find(number, handle)) {
        return not_initialized;
    }
    if (!is_operation(operation_a) || !is_operation(operation_b) || alpha == nullptr ||
        beta == nullptr) {
        return invalid_value;
    }
    return submit(handle, {Product::Part::all, operation_a != 0, operation_b != 0, pointers, m, n,
                           k, lda, ldb, ldc, count, stride_a, stride_b, stride_c, address(a),
                           address(b), address(c), scalar(handle, alpha), scalar(handle, beta)});
}

} // namespace

extern "C" {

int cublasCreate_v2(std::uint64_t *handle) {
    std::uint64_t context = 0;
    if (handle == nullptr) {
        return invalid_value;
    }
    if (cuCtxGetCurrent(&context) != 0 || context == 0) {
        return not_initialized;
    }
    const std::lock_guard<std::mutex> guard(lock);
    last_handle += 16;
    *handle = last_handle;
    handles()[last_handle] = {};
    return success;
}

int cublasDestroy_v2(std::uint64_t handle) {
    const std::lock_guard<std::mutex> guard(lock);
    return handles().erase(handle) == 1 ? success : not_initialized;
}

int cublasGetVersion_v2(std::uint64_t, int *version) {
    if (version == nullptr) {
        return invalid_value;
    }
    *version = PANOPTIM_CUBLAS_VERSION;
    return success;
}

int cublasSetStream_v2(std::uint64_t handle, std::uint64_t stream) {
    return change(handle, [stream](Handle &each) { each.stream = stream; });
}

int cublasGetStream_v2(std::uint64_t handle, std::uint64_t *stream) {
    return stream == nullptr
               ? invalid_value
               : change(handle, [stream](const Handle &each) { *stream = each.stream; });
}

int cublasSetPointerMode_v2(std::uint64_t handle, int mode) {
    return mode < 0 || mode > 1
               ? invalid_value
               : change(handle, [mode](Handle &each) { each.pointer_mode = mode; });
}

int cublasGetPointerMode_v2(std::uint64_t handle, int *mode) {
    return mode == nullptr
               ? invalid_value
               : change(handle, [mode](const Handle &each) { *mode = each.pointer_mode; });
}

int cublasSetMathMode(std::uint64_t handle, int mode) {
    return change(handle, [mode](Handle &each) { each.math_mode = mode; });
}

int cublasGetMathMode(std::uint64_t handle, int *mode) {
    return mode == nullptr ? invalid_value
                           : change(handle, [mode](const Handle &each) { *mode = each.math_mode; });
}

int cublasSetWorkspace_v2(std::uint64_t handle, void *, std::size_t) {
    return change(handle, [](Handle &) {});
}

int cublasSgemm_v2(std::uint64_t handle, int operation_a, int operation_b, int m, int n, int k,
                   const float *alpha, const float *a, int lda, const float *b, int ldb,
                   const float *beta, float *c, int ldc) {
    return multiply(handle, operation_a, operation_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c,
                    ldc, 0, 1, false);
}

int cublasSgemmStridedBatched(std::uint64_t handle, int operation_a, int operation_b, int m, int n,
                              int k, const float *alpha, const float *a, int lda,
                              long long stride_a, const float *b, int ldb, long long stride_b,
                              const float *beta, float *c, int ldc, long long stride_c, int count) {
    return multiply(handle, operation_a, operation_b, m, n, k, alpha, a, lda, stride_a, b, ldb,
                    stride_b, beta, c, ldc, stride_c, count, false);
}

int cublasSgemmBatched(std::uint64_t handle, int operation_a, int operation_b, int m, int n, int k,
                       const float *alpha, const float *const *a, int lda, const float *const *b,
                       int ldb, const float *beta, float *const *c, int ldc, int count) {
    return multiply(handle, operation_a, operation_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c,
                    ldc, 0, count, true);
}

// Fill 0 is the lower triangle, 1 the upper one.
int cublasSsyrk_v2(std::uint64_t number, int fill, int operation, int n, int k, const float *alpha,
                   const float *a, int lda, const float *beta, float *c, int ldc) {
    Handle handle;
    if (!find(number, handle)) {
        return not_initialized;
    }
    if (fill < 0 || fill > 1 || !is_operation(operation) || alpha == nullptr || beta == nullptr) {
        return invalid_value;
    }
    const bool transpose = operation != 0;
    return submit(handle, {fill == 0 ? Product::Part::lower : Product::Part::upper, transpose,
                           !transpose, false, n, n, k, lda, lda, ldc, 1, 0, 0, 0, address(a),
                           address(a), address(c), scalar(handle, alpha), scalar(handle, beta)});
}

const char *cublasGetStatusName(int status) {
    switch (status) {
    case 0:
        return "CUBLAS_STATUS_SUCCESS";
    case 1:
        return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3:
        return "CUBLAS_STATUS_ALLOC_FAILED";
    case 7:
        return "CUBLAS_STATUS_INVALID_VALUE";
    case 8:
        return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11:
        return "CUBLAS_STATUS_MAPPING_ERROR";
    case 13:
        return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14:
        return "CUBLAS_STATUS_INTERNAL_ERROR";
    case 15:
        return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
        return "CUBLAS_STATUS_UNKNOWN";
    }
}

const char *cublasGetStatusString(int status) {
    switch (status) {
    case 0:
        return "the operation completed successfully";
    case 1:
        return "the library was not initialized";
    case 3:
        return "the resource allocation failed";
    case 7:
        return "an unsupported value or parameter was passed to the function";
    case 13:
        return "the function failed to launch on the GPU";
    case 15:
        return "the functionality requested is not supported";
    default:
        return "an error of cuBLAS";
    }
}
}
