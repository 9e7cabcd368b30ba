/*
 * What kernels on batches of matrices are launched with: one structure by value, so that nothing
 * has to be uploaded, and a launch can be part of a graph. Matrices are of floats, dense, by rows;
 * addresses are the device's.
 */
#ifndef PANOPTIM_MATRIX_H
#define PANOPTIM_MATRIX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Rows and columns of the blocks that factorisations go by, and of the tiles of other work. */
#define PANOPTIM_MATRIX_BLOCK 64
/* The most partial sums that a norm is joined from. */
#define PANOPTIM_MATRIX_PARTIALS 64

/* Matrices at one distance from each other, in elements. */
typedef struct panoptim_matrix_batch {
    float *first;
    int64_t stride;
} panoptim_matrix_batch;

typedef struct panoptim_matrix_launch {
    panoptim_matrix_batch from;
    panoptim_matrix_batch to;
    double *partials; /* norms: PANOPTIM_MATRIX_PARTIALS for each matrix */
    double scalar;    /* begin: what is added to the diagonal; divide: what is added to the norm */
    int64_t count;    /* of matrices */
    int64_t elements; /* norms, divide: of a matrix */
    /* As wide as the counts, for older drivers (panoptim_plan.h). */
    int64_t size;  /* the others: rows and columns of a matrix */
    int64_t block; /* factorise, solve: the first row and column of the block on the diagonal */
} panoptim_matrix_launch;

#ifdef __cplusplus
}
#endif

#endif
