// The arithmetic that all backends share.
#include <doctest/doctest.h>

#include "rules/numerics.cuh"
#include "support.h"

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

} // namespace

TEST_CASE("powers are taken by squaring") {
    CHECK(panoptim::powi(0.9, 0) == 1);
    CHECK(panoptim::powi(0.9, 1) == 0.9);
    CHECK(panoptim::powi(0.5, 10) == 0x1p-10);
    CHECK(panoptim::powi(2, 62) == 0x1p62);
    // x^11 = x x^2 x^8, in this order.
    const double x = 0.999;
    const double x2 = x * x;
    const double x4 = x2 * x2;
    CHECK(same(panoptim::powi(x, 11), x * x2 * (x4 * x4)));
    CHECK(panoptim::powi(0.999, int64_t{1} << 40) == 0);
    CHECK(panoptim::powi(1, std::numeric_limits<int64_t>::max()) == 1);
}

TEST_CASE("whole numbers of doubles are bounded and those of NaN 0") {
    CHECK(panoptim::whole(3.75) == 3);
    CHECK(panoptim::whole(-3.75) == -3);
    CHECK(panoptim::whole(0x1p61) == int64_t{1} << 61);
    CHECK(panoptim::whole(0x1p62) == int64_t{1} << 62);
    CHECK(panoptim::whole(1e300) == int64_t{1} << 62);
    CHECK(panoptim::whole(-1e300) == -(int64_t{1} << 62));
    CHECK(panoptim::whole(std::numeric_limits<double>::infinity()) == int64_t{1} << 62);
    CHECK(panoptim::whole(std::numeric_limits<double>::quiet_NaN()) == 0);
}

TEST_CASE("the sign of zeros and NaN is what they are") {
    CHECK(same(panoptim::sign(3.5F), 1.0F));
    CHECK(same(panoptim::sign(-1e-45F), -1.0F));
    CHECK(same(panoptim::sign(0.0F), 0.0F));
    CHECK(same(panoptim::sign(-0.0F), -0.0F));
    CHECK(same(panoptim::sign(not_a_number), not_a_number));
    CHECK(same(panoptim::sign(-infinity), -1.0F));
}

TEST_CASE("the larger and the smaller let NaN through on either side") {
    CHECK(panoptim::maximum(1.0F, 2.0F) == 2);
    CHECK(panoptim::maximum(2.0F, 1.0F) == 2);
    CHECK(panoptim::minimum(1.0F, 2.0F) == 1);
    CHECK(panoptim::minimum(2.0F, 1.0F) == 1);
    CHECK(same(panoptim::maximum(not_a_number, 1.0F), not_a_number));
    CHECK(same(panoptim::maximum(1.0F, not_a_number), not_a_number));
    CHECK(same(panoptim::minimum(not_a_number, 1.0F), not_a_number));
    CHECK(same(panoptim::minimum(1.0F, not_a_number), not_a_number));
    // Of equal ones the second.
    CHECK(same(panoptim::maximum(0.0F, -0.0F), -0.0F));
    CHECK(same(panoptim::maximum(-0.0F, 0.0F), 0.0F));
    CHECK(same(panoptim::minimum(0.0F, -0.0F), -0.0F));
    CHECK(same(panoptim::minimum(-0.0F, 0.0F), 0.0F));
}

TEST_CASE("the absolute value has no sign") {
    CHECK(same(panoptim::absolute(-2.5F), 2.5F));
    CHECK(same(panoptim::absolute(-0.0F), 0.0F));
    CHECK(same(panoptim::absolute(-infinity), infinity));
    CHECK(same(panoptim::absolute(not_a_number), not_a_number));
}

TEST_CASE("only infinities and NaN are not finite") {
    CHECK(panoptim::finite(std::numeric_limits<double>::max()));
    CHECK(panoptim::finite(-0.0));
    CHECK(!panoptim::finite(std::numeric_limits<double>::infinity()));
    CHECK(!panoptim::finite(std::numeric_limits<double>::quiet_NaN()));
}
