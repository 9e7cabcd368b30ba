# PTX as plain text for drivers older than the toolkit, which take neither its machine code nor its
# PTX: the latter named as of an older version. CudaProbe demands a driver for that version,
# KernelImage chooses.
set(PANOPTIM_OLDER_PTX 8.0) # of CUDA 12.0

add_custom_command(
    OUTPUT panoptim.ptx
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/build/lower-ptx ${PANOPTIM_PTXAS} ${PANOPTIM_OLDER_PTX}
        sm_80 compute_80.ptx sm_80.cubin panoptim.ptx
    DEPENDS compute_80.ptx sm_80.cubin ${assemble} ${CMAKE_CURRENT_SOURCE_DIR}/build/lower-ptx
    COMMENT "Lowering panoptim.ptx"
    VERBATIM)
add_custom_target(kernels-older-drivers DEPENDS panoptim.ptx)
add_dependencies(kernels kernels-older-drivers)

if(PANOPTIM_TESTS)
    add_test(NAME kernels-serve-older-drivers
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test/check-lowered ${PANOPTIM_PTXAS}
                     ${PANOPTIM_OLDER_PTX} ${CMAKE_CURRENT_BINARY_DIR}/panoptim.ptx)
endif()
