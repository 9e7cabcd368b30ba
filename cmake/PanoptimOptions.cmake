# panoptim_options: what every C++ target of this project is compiled with; link it PRIVATE.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_CXX_FLAGS_RELEASE "-O3 -DNDEBUG")
# The sanitizers' build; it compiles in half the time of -O2 -g.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")

add_library(panoptim_options INTERFACE)
target_compile_options(panoptim_options INTERFACE
    -Wall -Wextra -Wconversion -Werror
    # The same bits everywhere: no contraction. The other two change no result, and without them
    # loops are not vectorised.
    -ffp-contract=off -fno-math-errno -fno-trapping-math
    # The same library from every folder.
    -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)

if(PANOPTIM_SANITIZE)
    target_compile_options(panoptim_options INTERFACE
        -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(panoptim_options INTERFACE -fsanitize=address,undefined)
endif()
