# The target doctest: the test framework, with its main function. The header is copied, since a cross
# compiler must not be given the folder of the host's headers.
find_path(DOCTEST_FOLDER doctest/doctest.h NO_CMAKE_FIND_ROOT_PATH)
if(NOT DOCTEST_FOLDER)
    message(FATAL_ERROR
        "doctest/doctest.h is not installed: the tests of libpanoptim need it "
        "(Debian: doctest-dev; scripts/setup test installs it)")
endif()
file(COPY ${DOCTEST_FOLDER}/doctest/doctest.h DESTINATION ${PROJECT_BINARY_DIR}/include/doctest)
add_library(doctest-header INTERFACE)
target_include_directories(doctest-header SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/include)
# No test throws, and checks compile sooner without a place to catch it.
target_compile_definitions(doctest-header INTERFACE DOCTEST_CONFIG_NO_TRY_CATCH_IN_ASSERTS)

# Compiled once for all tests, and neither optimised nor instrumented: it takes longest of all.
file(WRITE ${PROJECT_BINARY_DIR}/doctest-main.cpp
    "#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN\n#include <doctest/doctest.h>\n")
add_library(doctest-main OBJECT EXCLUDE_FROM_ALL ${PROJECT_BINARY_DIR}/doctest-main.cpp)
target_link_libraries(doctest-main PRIVATE doctest-header)
target_compile_options(doctest-main PRIVATE -O0)

add_library(doctest INTERFACE)
target_link_libraries(doctest INTERFACE doctest-header doctest-main $<TARGET_OBJECTS:doctest-main>)
