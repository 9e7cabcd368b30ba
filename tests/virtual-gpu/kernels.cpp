// The project's kernels, compiled as they are, and their names, but for those of rules, which have
// files of their own (CMakeLists.txt); with them the functions for tests.
#include "kfac/accumulate.cu"
#include "kfac/certify.cu"
#include "kfac/fisher.cu"
#include "kfac/invert.cu"
#include "kfac/invert_small.cu"
#include "kfac/layers.cu"
#include "kfac/newton.cu"
#include "kfac/precondition.cu"
#include "matrix/factorise.cu"
#include "matrix/invert.cu"
#include "matrix/mirror.cu"
#include "matrix/norms.cu"
#include "step/measure.cu"
#include "step/sum.cu"
#include "step/zero.cu"
#include "test_functions.cu"

#include "registry.h"

PANOPTIM_VIRTUAL_DYNAMIC_SHARED(float, panoptim_kfac_triangle)

PANOPTIM_VIRTUAL_KERNEL(panoptim_measure)
PANOPTIM_VIRTUAL_KERNEL(panoptim_sum_rows)
PANOPTIM_VIRTUAL_KERNEL(panoptim_zero)

PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_accumulate)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_commit)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_trace)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_adopt)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_invert_f32)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_invert_f64)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_invert_small)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_certify)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_newton_step)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_pack)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_clip_step)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_unpack)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_diagonal_accumulate)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_diagonal_commit_layers)
PANOPTIM_VIRTUAL_KERNEL(panoptim_kfac_diagonal_write)

PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_begin)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_factorise)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_solve)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_end)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_invert)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_mirror)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_squares)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_norms)
PANOPTIM_VIRTUAL_KERNEL(panoptim_matrix_divide)

#define PANOPTIM_TEST_FUNCTION(name, type) PANOPTIM_VIRTUAL_KERNEL(panoptim_test_##name)
PANOPTIM_TEST_FUNCTIONS
#undef PANOPTIM_TEST_FUNCTION
