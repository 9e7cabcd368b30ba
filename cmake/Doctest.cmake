# The target doctest: the test framework's header. The header is copied, since a cross compiler must
# not be given the folder of the host's headers.
find_path(DOCTEST_FOLDER doctest/doctest.h NO_CMAKE_FIND_ROOT_PATH)
if(NOT DOCTEST_FOLDER)
    message(FATAL_ERROR
        "doctest/doctest.h is not installed: the tests of libpanoptim need it "
        "(Debian: doctest-dev; scripts/setup test installs it)")
endif()
file(COPY ${DOCTEST_FOLDER}/doctest/doctest.h DESTINATION ${PROJECT_BINARY_DIR}/include/doctest)
add_library(doctest INTERFACE)
target_include_directories(doctest SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/include)
