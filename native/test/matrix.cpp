// Passes over square matrices on every tier, against loops in double.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "guarded.h"
#include "panoptim.h"

namespace {

constexpr int64_t sizes[] = {1, 2, 3, 7, 8, 31, 32, 33, 63, 64, 65, 100, 129};

// The same numbers in every run, about -1 to 1.
double some(int64_t i) {
    return static_cast<double>((i * 7919 + 104729) % 2003 - 1001) / 1001;
}

std::vector<int32_t> tiers() {
    std::vector<int32_t> usable;
    for (int32_t tier = 0; tier < PANOPTIM_TIERS; ++tier) {
        if (panoptim_tier_probe(tier) == PANOPTIM_TIER_USABLE) {
            usable.push_back(tier);
        }
    }
    return usable;
}

struct Input {
    Guarded<float> matrix;
    Guarded<double> scale;

    Input(int64_t n, Edge edge) : matrix(n * n, edge), scale(n, edge) {
        for (int64_t i = 0; i < n; ++i) {
            scale[i] = 1.5 + some(3 * i);
            for (int64_t j = 0; j <= i; ++j) {
                matrix[i * n + j] = static_cast<float>(some(i * i + j));
                matrix[j * n + i] = matrix[i * n + j];
            }
        }
    }
};

template <typename Body>
void for_all(Body body) {
    for (const int32_t tier : tiers()) {
        for (const int64_t n : sizes) {
            for (const Edge edge : {Edge::begin, Edge::end}) {
                CAPTURE(tier);
                CAPTURE(n);
                body(tier, n, edge);
            }
        }
    }
}

} // namespace

TEST_CASE("scaling damps the diagonal and leaves what is above it") {
    for_all([](int32_t tier, int64_t n, Edge edge) {
        const Input input(n, edge);
        const Guarded<float> scaled(n * n, edge);
        REQUIRE(panoptim_scale_matrix(tier, n, input.matrix.data(), 0.25, input.scale.data(),
                                      scaled.data()) == PANOPTIM_OK);
        for (int64_t i = 0; i < n; ++i) {
            for (int64_t j = 0; j < n; ++j) {
                const double element = input.matrix[i * n + j] + (i == j ? 0.25 : 0);
                const double expected = j <= i ? element * input.scale[i] * input.scale[j] : 0;
                CHECK(std::abs(scaled[i * n + j] - expected) <= 1e-6 * std::abs(expected));
            }
        }
    });
}

TEST_CASE("mirroring makes a matrix exactly symmetric") {
    for_all([](int32_t tier, int64_t n, Edge edge) {
        const Input input(n, edge);
        for (const bool scaling : {false, true}) {
            const Guarded<float> matrix(n * n, edge);
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t j = 0; j < n; ++j) {
                    matrix[i * n + j] = j <= i ? input.matrix[i * n + j] : 77.0F;
                }
            }
            REQUIRE(panoptim_mirror_matrix(tier, n, matrix.data(),
                                           scaling ? input.scale.data() : nullptr) == PANOPTIM_OK);
            for (int64_t i = 0; i < n; ++i) {
                for (int64_t j = 0; j <= i; ++j) {
                    const double times = scaling ? input.scale[i] * input.scale[j] : 1;
                    const double expected = input.matrix[i * n + j] * times;
                    CHECK(std::abs(matrix[i * n + j] - expected) <= 1e-6 * std::abs(expected));
                    CHECK(matrix[j * n + i] == matrix[i * n + j]);
                }
            }
        }
    });
}

TEST_CASE("probing gives products and sums in double") {
    for_all([](int32_t tier, int64_t n, Edge edge) {
        const Input input(n, edge);
        const Guarded<double> vectors(n * PANOPTIM_PROBES, edge);
        const Guarded<double> products(n * PANOPTIM_PROBES, edge);
        const Guarded<double> sums(2 * n, edge);
        for (int64_t i = 0; i < vectors.size(); ++i) {
            vectors[i] = some(11 * i + 5);
        }
        REQUIRE(panoptim_probe_matrix(tier, n, input.matrix.data(), vectors.data(),
                                      input.scale.data(), products.data(),
                                      sums.data()) == PANOPTIM_OK);
        for (int64_t i = 0; i < n; ++i) {
            double absolute = 0;
            double squares = 0;
            for (int64_t j = 0; j < n; ++j) {
                const double element = input.matrix[i * n + j];
                absolute += std::abs(element);
                squares += std::pow(element * input.scale[i] * input.scale[j], 2);
            }
            CHECK(sums[2 * i] == doctest::Approx(absolute).epsilon(1e-12));
            CHECK(sums[2 * i + 1] == doctest::Approx(squares).epsilon(1e-12));
            for (int64_t probe = 0; probe < PANOPTIM_PROBES; ++probe) {
                double product = 0;
                for (int64_t j = 0; j < n; ++j) {
                    product += input.matrix[i * n + j] * vectors[j * PANOPTIM_PROBES + probe];
                }
                CHECK(std::abs(products[i * PANOPTIM_PROBES + probe] - product) <=
                      1e-13 * static_cast<double>(n));
            }
        }
    });
}

TEST_CASE("an unknown tier is refused") {
    float element = 1;
    CHECK(panoptim_mirror_matrix(99, 1, &element, nullptr) == PANOPTIM_ERROR_TIER);
}
