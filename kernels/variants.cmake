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

file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/variants)
set(variants)
foreach(variant IN LISTS PANOPTIM_VARIANTS)
    set(built variants/${variant})
    add_custom_command(
        OUTPUT ${built}.ptx
        COMMAND ${PANOPTIM_NVCC} ${flags} ${PANOPTIM_VARIANT_${variant}}
            -arch=compute_${PANOPTIM_VARIANT_ARCHITECTURE} -ptx panoptim.cu -o ${built}.ptx
            -MD -MF ${built}.ptx.d -MT ${built}.ptx
        DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/panoptim.cu
        DEPFILE ${built}.ptx.d
        COMMENT "Compiling kernels to ${built}.ptx"
        VERBATIM)
    add_custom_command(
        OUTPUT ${built}.cubin
        COMMAND ${assemble} ${PANOPTIM_PTXAS} sm_${PANOPTIM_VARIANT_ARCHITECTURE} ${built}.ptx
            ${built}.cubin
        DEPENDS ${built}.ptx ${assemble}
        COMMENT "Assembling kernels to ${built}.cubin"
        VERBATIM)
    list(APPEND variants ${built}.cubin)
endforeach()
add_custom_target(kernel-variants DEPENDS ${variants})
