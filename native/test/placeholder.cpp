#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

extern "C" int panoptim_placeholder();

TEST_CASE("the library can be called") {
    CHECK(panoptim_placeholder() == 1);
}
