/*
 * What the kernel that adds up gradients for a team is launched with. Addresses are the device's.
 */
#ifndef PANOPTIM_TEAM_H
#define PANOPTIM_TEAM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most rows that are added up at once; a power of two, as is every number of rows. */
#define PANOPTIM_TEAM_MOST_ROWS 1024

/*
 * Elements that several members, or leaves of one, have a row of. One of the rows is this member's
 * own and lies elsewhere than the others.
 */
typedef struct panoptim_team_sum {
    void *to;         /* where the sum is left; may be own */
    void *own;        /* this member's row */
    const void *rows; /* the first row; every row but this member's is read */
    int64_t stride;   /* bytes from a row to the next */
    int64_t elements;
    int64_t to_type; /* PANOPTIM_F32 or PANOPTIM_BF16, as the two others */
    int64_t own_type;
    int64_t rows_type;
} panoptim_team_sum;

typedef struct panoptim_team_sums {
    const panoptim_team_sum *sums;
    int64_t count;
    int64_t rows;     /* of each sum; a power of two */
    int64_t own;      /* which of them is this member's */
    int64_t zero_own; /* 1: zeros are left in this member's row */
    double factor;    /* a float, by which every sum is multiplied */
} panoptim_team_sums;

#ifdef __cplusplus
}
#endif

#endif
