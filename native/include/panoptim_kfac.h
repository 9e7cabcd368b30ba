/*
 * The tables of Kronecker-factored curvature, shared by the device's kernels and the host that
 * launches them. Each kernel takes one of the launch structures by value; addresses are the
 * device's.
 */
#ifndef PANOPTIM_KFAC_H
#define PANOPTIM_KFAC_H

#include <stdint.h>

#include "panoptim_plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Rows and columns of the tiles that matrix work is cut into. */
#define PANOPTIM_KFAC_TILE 64
/* The most rows of a matrix that one thread block inverts in its shared memory, and of the blocks
 * that such a matrix is cut into. */
#define PANOPTIM_KFAC_SMALL 224
#define PANOPTIM_KFAC_SMALL_BLOCK 16
/* Gaussian vectors of the certificate. */
#define PANOPTIM_KFAC_PROBES 10
/* Elements of a gradient that one thread block goes through at a time. */
#define PANOPTIM_KFAC_PIECE 8192

/* What came of a factorisation. */
#define PANOPTIM_KFAC_INVERTED 0
#define PANOPTIM_KFAC_NOT_POSITIVE_DEFINITE 1
#define PANOPTIM_KFAC_NOT_FINITE 2

/* Kinds of tasks on tiles. */
#define PANOPTIM_KFAC_FACTORISE 0
#define PANOPTIM_KFAC_INVERT 1
#define PANOPTIM_KFAC_MULTIPLY 2

/* What a candidate or an inverse is set to. */
#define PANOPTIM_KFAC_CANDIDATE 0
#define PANOPTIM_KFAC_IDENTITY 1

/* A factor. Its three matrices are size x size, symmetric, by rows. */
typedef struct panoptim_kfac_factor {
    float *buffers[2]; /* the average at its layer's current, what is pending at the other */
    float *inverse;    /* the inverse in use */
    double *traces;    /* of what is pending, one a tile of the diagonal */
    int32_t size;
    int32_t layer;
} panoptim_kfac_factor;

/* A layer: where its factors stand. */
typedef struct panoptim_kfac_layer {
    int64_t updates;  /* that it has taken */
    int64_t refused;  /* that it dropped since they were not finite */
    int64_t step;     /* from 1, of a device's optimizer: that of its last update */
    double traces[2]; /* of the averages of its inputs and output gradients, when asked for */
    double rows[2];   /* that count in what is pending, before and after a contribution by turns */
    int32_t current;  /* which of its factors' buffers are the averages */
    int32_t taken;    /* diagonals: had a contribution to the last step, and it was accepted */
} panoptim_kfac_layer;

/* What is known of a step. */
typedef struct panoptim_kfac_facts {
    const panoptim_control *control; /* of a step on the device; null: what follows holds */
    double rate_factor;
    double gradient_scale;
    int32_t accepted;
    int32_t reserved;
} panoptim_kfac_facts;

/* A micro-batch of a layer. */
typedef struct panoptim_kfac_contribution {
    const float *inputs;             /* rows x columns[0] */
    const float *output_gradients;   /* rows x columns[1], multiplied by the loss scale */
    const uint8_t *mask;             /* 0 leaves a row out; null: all count */
    const panoptim_control *control; /* of the optimizer whose loss scale it is; null: loss_scale */
    double loss_scale;
    double averaged_over; /* rows that the loss was averaged over; 0: the rows that count */
    int64_t rows;
    int32_t columns[2];
    int32_t number; /* of the micro-batch since the last commit, from 0 */
    int32_t reserved;
} panoptim_kfac_contribution;

/* Adds a micro-batch to the factors of a layer. */
typedef struct panoptim_kfac_accumulation {
    panoptim_kfac_contribution contribution;
    panoptim_kfac_layer *layer;
    const panoptim_kfac_factor *factors; /* its two */
    double decay;
} panoptim_kfac_accumulation;

/* Layers to commit, or factors to adopt, and the like. */
typedef struct panoptim_kfac_selection {
    panoptim_kfac_facts facts;
    panoptim_kfac_layer *layers;
    const panoptim_kfac_factor *factors;
    const int32_t *chosen; /* numbers of layers or factors; null: all */
    const int32_t *slots;  /* commit: where a layer's rows that count are */
    int64_t count;
    int32_t value; /* PANOPTIM_KFAC_CANDIDATE or PANOPTIM_KFAC_IDENTITY */
    int32_t reserved;
} panoptim_kfac_selection;

/* What the certificate needs of some rows of a matrix; sums over the rows, sums of rows at most. */
typedef struct panoptim_kfac_certified {
    double once[PANOPTIM_KFAC_PROBES];  /* squares of the rows of E omega */
    double twice[PANOPTIM_KFAC_PROBES]; /* squares of the rows of E (E omega) */
    double factor_square;               /* of D B D */
    double inverse_square;              /* of 1/D X 1/D */
    double factor_row;                  /* the largest sum of a row of |B| */
    double inverse_row;                 /* the same of |X| */
} panoptim_kfac_certified;

/* A factor to be inverted. */
typedef struct panoptim_kfac_matrix {
    const panoptim_kfac_factor *factor;
    const panoptim_kfac_layer *layer;
    void *tiles;    /* side * (side + 1) tiles of work */
    int32_t *flags; /* side * side: which tiles are done */
    int32_t *status;
    double *images;    /* size x PANOPTIM_KFAC_PROBES: B D omega, later B D (E omega) */
    double *residuals; /* of the same size: E omega */
    panoptim_kfac_certified *certified; /* side */
    double damping;
    int32_t size;
    int32_t side; /* tiles that cover a side */
} panoptim_kfac_matrix;

/* Work on one tile. */
typedef struct panoptim_kfac_task {
    int32_t matrix;
    int32_t kind;
    int32_t row;
    int32_t column;
} panoptim_kfac_task;

/* Inverts matrices, or certifies their inverses. */
typedef struct panoptim_kfac_inversion {
    const panoptim_kfac_matrix *matrices;
    const panoptim_kfac_task *tasks; /* each behind those that it waits for */
    int32_t *ticket;                 /* the next task; 0 at first */
    const double *probes;            /* rows of PANOPTIM_KFAC_PROBES */
    int64_t count;                   /* of the tasks */
    int32_t stage;                   /* certify: 0 the factor, 1 the inverse, 2 and 3 again */
    int32_t reserved;
} panoptim_kfac_inversion;

/* What Newton's iteration does in one launch, in coordinates in which B has a diagonal of ones. */
#define PANOPTIM_KFAC_NEWTON_BEGIN 0
#define PANOPTIM_KFAC_NEWTON_ITERATE 1
#define PANOPTIM_KFAC_NEWTON_END 2

/* Element by element what Newton's iteration does beside products of matrices. */
typedef struct panoptim_kfac_newton {
    const panoptim_kfac_matrix *matrix;
    float *factor;        /* begin: becomes D B D */
    float *iterate;       /* begin: becomes 1/D X 1/D of the inverse in use */
    const float *product; /* iterate: X B X */
    double keep;          /* iterate: X <- keep X - subtract X B X, made symmetric */
    double subtract;      /* 0: the product is not read */
    int32_t stage;
    int32_t reserved;
} panoptim_kfac_newton;

/* Where a layer's gradients lie in this step. */
typedef struct panoptim_kfac_gradients {
    float *weight; /* null: the layer takes no part */
    float *bias;   /* null: it has none */
    double learning_rate;
} panoptim_kfac_gradients;

/* A run of elements of a layer's gradient, as a matrix with the bias for its last column. */
typedef struct panoptim_kfac_piece {
    int32_t layer;
    int32_t index; /* its first element is index * PANOPTIM_KFAC_PIECE */
} panoptim_kfac_piece;

/* A layer's place in the workspace. */
typedef struct panoptim_kfac_place {
    float *packed; /* outputs x columns: the gradient, then what replaces it */
    int32_t outputs;
    int32_t columns; /* inputs, and one more with a bias */
} panoptim_kfac_place;

/* What preconditioning came to. */
typedef struct panoptim_kfac_clip {
    double coefficient; /* the last one */
    int64_t known;      /* there has been one */
    int32_t applied;    /* to the gradients of the last step; 0: nothing */
    uint32_t ended;     /* thread blocks that have */
} panoptim_kfac_clip;

/* Rewrites gradients. */
typedef struct panoptim_kfac_preconditioning {
    panoptim_kfac_facts facts;
    const panoptim_kfac_gradients *gradients; /* one a layer */
    const panoptim_kfac_place *places;        /* one a layer */
    const panoptim_kfac_piece *pieces;
    double *partials; /* one a piece */
    panoptim_kfac_clip *clip;
    double kl_clip;
    int64_t count; /* of the pieces */
} panoptim_kfac_preconditioning;

/* A layer of diagonal factors: of its inputs first, then of its output gradients. */
typedef struct panoptim_kfac_diagonal {
    double *pending[2];
    float *averages[2];
    float *weight; /* sizes[1] x inputs: what the rule reads */
    float *bias;   /* sizes[1]; null: there is none */
    int32_t sizes[2];
    int32_t inputs;
    int32_t reserved;
} panoptim_kfac_diagonal;

/* Adds a micro-batch to the diagonals of a layer. */
typedef struct panoptim_kfac_diagonal_accumulation {
    panoptim_kfac_contribution contribution;
    panoptim_kfac_layer *layer;
    const panoptim_kfac_diagonal *diagonal;
} panoptim_kfac_diagonal_accumulation;

/* Takes up diagonals and writes what the rule reads. */
typedef struct panoptim_kfac_diagonal_commit {
    panoptim_kfac_facts facts;
    panoptim_kfac_layer *layers;
    const panoptim_kfac_diagonal *diagonals;
    const int32_t *chosen;
    const int32_t *slots;
    const panoptim_kfac_piece *pieces;
    double decay;
    int64_t count;
    int32_t normalised; /* whether the weights of the average sum to one */
    int32_t reserved;
} panoptim_kfac_diagonal_commit;

#ifdef __cplusplus
}
#endif

#endif
