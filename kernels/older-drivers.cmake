# PTX as plain text for drivers older than the toolkit, which take neither its machine code nor its
# PTX: named as of an older version of the language. CudaProbe demands a driver for that version,
# KernelImages chooses. The machine code of 8.0, 8.6 and 9.0 is made of the same text, so that the
# assembler, which checks a file against the version that it names, proves that there is nothing
# newer in it.
set(PANOPTIM_OLDER_PTX 8.0) # of CUDA 12.0

# lower_ptx(PTX OUT)
function(lower_ptx ptx out)
    set(lower ${CMAKE_CURRENT_SOURCE_DIR}/build/lower-ptx)
    add_custom_command(
        OUTPUT ${out}
        COMMAND ${lower} ${PANOPTIM_OLDER_PTX} ${ptx} ${out}
        DEPENDS ${ptx} ${lower}
        COMMENT "Lowering ${out}"
        VERBATIM)
endfunction()

if(PANOPTIM_TESTS)
    list(TRANSFORM PANOPTIM_IMAGES REPLACE "(.+)" "${CMAKE_CURRENT_BINARY_DIR}/\\1.ptx"
                                           OUTPUT_VARIABLE older_files)
    add_test(NAME kernels-serve-older-drivers
             COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/test/check-lowered ${PANOPTIM_PTXAS}
                     ${PANOPTIM_OLDER_PTX} ${older_files})
endif()
