# Images of the same sources with other accesses to memory, for a device to compare with what is
# shipped: NAME.cubin in the folder variants. Not part of `all`; scripts/gpu-bundle builds them.
# What the macros mean is said in step/vector.cuh.
set(PANOPTIM_VARIANTS scalar_stores streaming no_allocate sectors)
# What nvcc 13.0 makes of an assignment of four floats for these architectures: four stores.
set(PANOPTIM_VARIANT_scalar_stores -DPANOPTIM_SCALAR_STORES)
# Evicted from the cache first: no byte is used twice.
set(PANOPTIM_VARIANT_streaming -DPANOPTIM_LOAD_HINT=.cs -DPANOPTIM_STORE_HINT=.cs)
# Not kept by the multiprocessor.
set(PANOPTIM_VARIANT_no_allocate -DPANOPTIM_LOAD_HINT=.L1::no_allocate)
# The same, and the second-level cache fetches what comes next too.
set(PANOPTIM_VARIANT_sectors -DPANOPTIM_LOAD_HINT=.L1::no_allocate.L2::256B)

# Of one architecture: these are for the device that the project has figures of.
set(PANOPTIM_VARIANT_ARCHITECTURE 90)

# What a device is to compare: all rules would take half an hour to compile. scripts/gpu-day names those
# that it runs on them.
set(PANOPTIM_VARIANT_IMAGES step kfac matrix adamw sgd lion sophia_g lamb prodigy adafactor mars muon)

file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/variants)
set(base "// Kernels of several images in one compilation unit.\n")
foreach(image IN LISTS PANOPTIM_VARIANT_IMAGES)
    if(NOT image IN_LIST PANOPTIM_IMAGES)
        message(FATAL_ERROR "variants.cmake: there is no image ${image}")
    endif()
    string(APPEND base "#include \"${image}.cu\"\n")
endforeach()
file(CONFIGURE OUTPUT ${PANOPTIM_IMAGE_SOURCES}/base.cu CONTENT "${base}" @ONLY)

set(variants)
foreach(variant IN LISTS PANOPTIM_VARIANTS)
    compile_ptx(${PANOPTIM_IMAGE_SOURCES}/base.cu variants/${variant}.ptx
                ${PANOPTIM_VARIANT_ARCHITECTURE} -DPANOPTIM_ASKS_ARCHITECTURE
                ${PANOPTIM_VARIANT_${variant}})
    assemble_cubin(variants/${variant}.ptx variants/${variant}.cubin
                   ${PANOPTIM_VARIANT_ARCHITECTURE})
    list(APPEND variants variants/${variant}.cubin)
endforeach()
# What they are variants of, to see that each is another one.
compile_ptx(${PANOPTIM_IMAGE_SOURCES}/base.cu base.ptx ${PANOPTIM_VARIANT_ARCHITECTURE}
            -DPANOPTIM_ASKS_ARCHITECTURE)
assemble_cubin(base.ptx base.cubin ${PANOPTIM_VARIANT_ARCHITECTURE})
add_custom_target(kernel-variants DEPENDS ${variants} base.cubin)
