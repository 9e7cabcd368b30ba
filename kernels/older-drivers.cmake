# PTX as plain text for drivers older than the toolkit, which take neither its machine code nor its
# PTX: the latter named as of an older version. CudaProbe demands a driver for that version,
# KernelImages chooses.
set(PANOPTIM_OLDER_PTX 8.0) # of CUDA 12.0

set(older)
foreach(image IN LISTS PANOPTIM_IMAGES)
    add_custom_command(
        OUTPUT ${image}.ptx
        COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/build/lower-ptx ${PANOPTIM_PTXAS} ${PANOPTIM_OLDER_PTX}
            sm_80 ${image}/compute_80.ptx ${image}/sm_80.cubin ${image}.ptx
        DEPENDS ${image}/compute_80.ptx ${image}/sm_80.cubin ${assemble}
                ${CMAKE_CURRENT_SOURCE_DIR}/build/lower-ptx
        COMMENT "Lowering ${image}.ptx"
        VERBATIM)
    list(APPEND older ${image}.ptx)
endforeach()
add_custom_target(kernels-older-drivers DEPENDS ${older})
add_dependencies(kernels kernels-older-drivers)

if(PANOPTIM_TESTS)
    list(TRANSFORM older PREPEND ${CMAKE_CURRENT_BINARY_DIR}/ OUTPUT_VARIABLE older_files)
    add_test(NAME kernels-serve-older-drivers
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test/check-lowered ${PANOPTIM_PTXAS}
                     ${PANOPTIM_OLDER_PTX} ${older_files})
endif()
