/*
 * The tables of a step, shared by the CPU's library (panoptim.h) and the device's kernels.
 */
#ifndef PANOPTIM_PLAN_H
#define PANOPTIM_PLAN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a structure here or a function of panoptim.h changes. */
#define PANOPTIM_ABI 11

/* The reduction tree: lanes within blocks within chunks (of 4096 * 2^k elements). */
#define PANOPTIM_BLOCK 4096
#define PANOPTIM_LANES 128

/*
 * Sums over rows and columns: a matrix is cut into panels of so many rows and columns, fewer at its
 * lower and right edge. In a panel, a row is cut into segments of PANOPTIM_LANES columns, one
 * product a lane; lanes are joined by halving and segments by adjacent pairs. A column is summed in
 * the order of the rows. The panels of a row, and those of a column, are joined by adjacent pairs.
 */
#define PANOPTIM_PANEL_ROWS 64
#define PANOPTIM_PANEL_COLUMNS 1024

/* Arrays of states that a tensor may have. */
#define PANOPTIM_MAX_SLOTS 8
/* Phases that a rule may have, of its step and its passes together. */
#define PANOPTIM_MAX_PHASES 8
#define PANOPTIM_MAX_REDUCTIONS 4

/*
 * What the last phase of a step finds of each tensor if statistics are asked for. Their totals are
 * of the last step; those of a tensor that took no part in it are negative.
 */
#define PANOPTIM_STATISTIC_UPDATE 0   /* squares of new minus old values */
#define PANOPTIM_STATISTIC_VALUE 1    /* squares of new values */
#define PANOPTIM_STATISTIC_GRADIENT 2 /* squares of the raw gradient */
#define PANOPTIM_STATISTIC_LIMITED 3  /* elements that were held by a bound */
#define PANOPTIM_STATISTICS 4

/*
 * Columns of the partials, one a chunk: first those of the statistics, of which measuring takes the
 * first two for gradients and curvatures, then those of the rule's reductions. Columns of the
 * totals, one a tensor: what is measured (then the clip coefficients, where tensors have their
 * own), the reductions, and the statistics.
 */
#define PANOPTIM_PARTIALS (PANOPTIM_STATISTICS + PANOPTIM_MAX_REDUCTIONS)
#define PANOPTIM_TOTALS (1 + PANOPTIM_MAX_REDUCTIONS + PANOPTIM_STATISTICS)
#define PANOPTIM_FIRST_STATISTIC (1 + PANOPTIM_MAX_REDUCTIONS)

/* Room for the scalars of any rule, in bytes. */
#define PANOPTIM_SCALARS 112
/* Room in an image of kernels. */
#define PANOPTIM_IMAGE_MOST_RULES 8
#define PANOPTIM_RULE_NAME 40
#define PANOPTIM_RULE_SIGNATURE 452

/* Element types of arrays. Whatever the types, a rule computes with floats. */
#define PANOPTIM_F32 1
#define PANOPTIM_BF16 2 /* the upper half of a float; rounded to nearest, ties to even */

/* What a non-finite gradient does. */
#define PANOPTIM_PROPAGATE 0
#define PANOPTIM_SKIP 1
#define PANOPTIM_FAIL 2

/* Over what the norm of gradients is bounded. */
#define PANOPTIM_CLIP_GLOBAL 0
#define PANOPTIM_CLIP_GROUP 1
#define PANOPTIM_CLIP_TENSOR 2

/* What the phases of a plan belong to. */
#define PANOPTIM_STEP 0
#define PANOPTIM_PASS 1     /* a pass over the tensors of a rule that have a gradient */
#define PANOPTIM_PASS_ALL 2 /* the same, over those without one too */
/* A pass over those with a gradient that completes an accepted step, at its learning rate. */
#define PANOPTIM_PASS_COMPLETING 3
/* A pass over those with a gradient before a step, which waits if that is about to be refused. */
#define PANOPTIM_PASS_BEFORE 4

/* A group of tensors that share a rule and its hyper-parameters. */
typedef struct panoptim_group {
    const double *hyper;  /* in the order of the rule's signature; booleans are 0 or 1 */
    double *states;       /* of the rule, in the order of its signature; null if it has none */
    int32_t rule;         /* index in the registry: of the rule that settles the group's states */
    int32_t frozen;       /* not measured and not updated; zeroed if zeroing is asked for */
    const double *rate;   /* multiplies the learning rate; null: 1 */
    int64_t first_tensor; /* the group's tensors are one after the other */
    int64_t tensor_count;
} panoptim_group;

/* Elements in memory. */
typedef struct panoptim_array {
    void *data;    /* the first element, aligned to its own size; null: there is no such array */
    float *scales; /* of types that have a factor for each PANOPTIM_LANES elements; else null */
    int32_t type;  /* PANOPTIM_F32, ... */
    int32_t reserved;
} panoptim_array;

/* The arrays of a tensor that has others than floats, or outputs. */
typedef struct panoptim_arrays {
    panoptim_array value;
    /* The type of the gradient and of the curvature; their addresses are columns of the plan. */
    panoptim_array gradient;
    /*
     * Outputs, which an update of the tensor writes in the same pass, from the value as the rule
     * computes it, before that is rounded to the value's type.
     */
    panoptim_array copy;    /* becomes the value, in passes beside the step too */
    panoptim_array average; /* moves towards it in a step, by average_weight of the way */
    /* The states with a value for each element; those of rows and columns stay with the tensor. */
    panoptim_array slots[PANOPTIM_MAX_SLOTS];
} panoptim_arrays;

/* One parameter tensor, dense. Chunks of a tensor are contiguous in the chunk table. */
typedef struct panoptim_tensor {
    /* What an update of few states needs comes first, in 64 bytes. */
    float *value; /* null if there are arrays */
    int64_t elements;
    int32_t group;
    int32_t rule; /* index in the registry: of the rule that updates the tensor */
    int32_t first_chunk;
    int32_t chunks; /* 0 for an empty tensor */
    double *states; /* of the tensor, in the order of the rule's signature; null if it has none */
    const panoptim_arrays *arrays; /* null: all arrays are floats, and there are no outputs */
    /*
     * States: first those with a float for each element (null if there are arrays), then those with
     * one for each row, then those with one for each column; unused ones are null.
     */
    float *slots[PANOPTIM_MAX_SLOTS];
    /*
     * The whole tensor as a stack of matrices of rows x columns, as the rule looks at it: its last
     * two dimensions, or the first one and all others. Row r begins at element r * columns. What
     * has fewer dimensions is one matrix of one row.
     */
    int64_t rows;
    int64_t columns;
    /*
     * The index in the whole tensor of the first element here, a multiple of PANOPTIM_BLOCK: 0 but
     * for a part of it. The states of rows and columns are the whole one's.
     */
    int64_t first;
    /*
     * Storage for the sums of a rule that takes any over rows or columns, of a whole tensor; else
     * null. For each such reduction over rows, in their order, a double for each matrix, panel of
     * columns, and row; then for each over columns one for each matrix, panel of rows, and column.
     */
    double *line_sums;
} panoptim_tensor;

/* chunk_elements consecutive elements of a tensor (fewer in its last chunk). */
typedef struct panoptim_chunk {
    int32_t tensor;
    /* The chunk's place in its tensor: its first element is index * chunk_elements. */
    int32_t index;
} panoptim_chunk;

/*
 * A panel of a matrix of a tensor, whose rule sums over rows or columns. What walks over panels are
 * the phases that take such sums, and those stages that go on with them.
 */
typedef struct panoptim_panel {
    int32_t tensor;
    /* Counted through the tensor: matrix by matrix, panels of columns fastest. */
    int32_t index;
} panoptim_panel;

/* What the schedule says for one step. */
typedef struct panoptim_schedule_entry {
    double rate_factor; /* multiplies every group's learning rate */
    double momentum;    /* replaces momentum (SGD) or beta1 (the others); NaN leaves them */
    int64_t step;       /* the step that it is for, from 1 */
} panoptim_schedule_entry;

/* Settings, counters and outcome of the step. */
typedef struct panoptim_control {
    /* Set by the caller, between steps. */
    double clip_norm;        /* largest norm of the gradient; infinity: it is not bounded */
    double clip_value;       /* largest absolute value of it; 0: values are not bounded */
    int64_t clip_scope;      /* of the norm: PANOPTIM_CLIP_GLOBAL, ... */
    double growth_factor;    /* of a dynamic loss scale */
    double backoff_factor;   /* of a dynamic loss scale */
    double average_decay;    /* what a moving average keeps of itself when it moves */
    int64_t average_start;   /* the step after which it is set to the value, and then moves; 0: it
                                moves from the first step on */
    int64_t average_every;   /* steps between two moves; 0: 1 */
    int64_t average_equally; /* 1: it is the mean of the values that it was moved to */
    /* Accepted steps in a row before the loss scale grows; 0: it is fixed. */
    int64_t growth_interval;
    int64_t flush_states;   /* 1: states of elements that a step leaves below 2^-126 become 0 */
    int32_t policy;         /* PANOPTIM_PROPAGATE, PANOPTIM_SKIP or PANOPTIM_FAIL */
    int32_t measure;        /* the gradients are measured */
    int32_t statistics;     /* every so many steps PANOPTIM_STATISTIC_... are taken, and the
                               update's norm; 0: never */
    int32_t zero_gradients; /* gradients are zeroed after use, or instead of it */
    /* Kept from step to step. */
    int64_t step;           /* accepted steps */
    int64_t skipped;        /* refused steps */
    int64_t growth_tracker; /* accepted steps in a row since the loss scale last changed */
    double loss_scale;      /* what the next gradients are multiplied by; 1: none */
    /* Outcome of the last step. */
    double square_sum;        /* of the raw gradients measured last; infinite if one is, unscaled */
    double gradient_scale;    /* 1 / the loss scale that the last gradients came with */
    double gradient_norm;     /* unscaled, before clipping; NaN if neither measured nor asked for */
    double clip_coefficient;  /* of the global norm, in (0, 1] */
    double update_norm;       /* of new minus old parameters; NaN without statistics */
    double rate_factor;       /* what the schedule wanted of the last step */
    double average_weight;    /* how far the moving averages go towards the values in it */
    int64_t takes_statistics; /* 1: it is, or was, one of the steps that take statistics */
    int64_t passes_wait;      /* 1: a step is tried now that the gradients as they are refuse */
    int64_t decided;          /* 1: the step is decided about, and the first phase not prepared */
    int32_t finite;           /* every gradient and curvature measured was finite, unscaled too */
    int32_t accepted;
} panoptim_control;

/* Per tensor and phase: what the update needs. Written by panoptim_prepare. */
typedef struct panoptim_prepared {
    float gradient_scale;  /* unscaling, clipping and the sign of maximize in one factor */
    float curvature_scale; /* unscaling and the sign of maximize; curvature is not clipped */
    int32_t active;        /* 0: no gradient in this step, frozen, or the step was refused */
    float gradient_limit;  /* largest absolute value of a gradient so scaled, perhaps infinite */
    uint8_t scalars[PANOPTIM_SCALARS]; /* the rule's Scalars */
} panoptim_prepared;

/* All tables of one optimizer. Pointers stay valid during a call; arrays have the counts named. */
typedef struct panoptim_plan {
    const panoptim_group *groups;
    const panoptim_tensor *tensors; /* in registration order */
    const panoptim_chunk *chunks;   /* in the order of the tensors */
    const int64_t *gradients;       /* addresses, one a tensor; 0: no gradient in this step */
    const int64_t *curvatures;      /* addresses, one a tensor; 0: none in this step */
    const panoptim_schedule_entry
        *schedule;               /* entry of step s (from 1) at s modulo schedule_entries */
    int64_t *counts;             /* steps taken by each tensor */
    panoptim_prepared *prepared; /* storage for tensor_count entries */
    int32_t *prepared_index;     /* one a tensor: its entry in prepared, which tensors share; not
                                    on a device, where every tensor has its own */
    double *partials;            /* storage for chunk_count * PANOPTIM_PARTIALS */
    double *totals;              /* storage for tensor_count * PANOPTIM_TOTALS */
    panoptim_control *control;
    int64_t group_count;
    int64_t tensor_count;
    int64_t chunk_count;
    int64_t chunk_elements; /* PANOPTIM_BLOCK * 2^k */
    int64_t schedule_entries;
    /*
     * As wide as the counts: of neighbours of 4 bytes nvcc loads two at once, and marks the one
     * that is not used in a way that older drivers do not know.
     */
    int64_t pass;                 /* PANOPTIM_STEP, PANOPTIM_PASS, ... */
    int64_t pass_rule;            /* index in the registry: of the rule whose pass it is */
    int64_t pass_phase;           /* the first phase of the pass */
    const panoptim_panel *panels; /* in the order of the tensors */
    int64_t panel_count;
} panoptim_plan;

/* What a rule of the registry is. */
typedef struct panoptim_rule {
    int32_t phases; /* of the step; 0: the rule has passes alone */
    int32_t reductions;
    int32_t curvature;                /* 1: takes curvature from the caller */
    int32_t index;                    /* in the registry */
    int32_t pass_phases;              /* of all passes; they are numbered behind the step's */
    uint8_t name[PANOPTIM_RULE_NAME]; /* ends with 0 */
    /*
     * Seven lists of names, in this order, with semicolons between the lists and commas between the
     * names: hyper-parameters; states of an element, a row, a column, the tensor, the rule; and the
     * reductions, each as its scope and phase (row0), with "totals" behind them if rows are looked
     * at again with their total. Ends with 0.
     */
    uint8_t signature[PANOPTIM_RULE_SIGNATURE];
} panoptim_rule;

/* How far a device has come, for the host to read while the device goes on. */
typedef struct panoptim_progress {
    int64_t step;           /* accepted steps */
    int64_t skipped;        /* refused steps */
    int64_t non_finite;     /* steps refused for a gradient that was not finite */
    int64_t out_of_entries; /* steps refused since the schedule had no entry for them */
} panoptim_progress;

/*
 * What a control kernel does in one launch, in this order: join what measuring found, accept or
 * refuse the step, find the clip coefficient, advance the rules' own states for the first phase,
 * fill the scalars of a phase, join the update's norm. Every image of rules has one; SETTLE and
 * PREPARE concern its own rules, the other stages all. Where tensors are many, the first phase's
 * scalars have a kernel of their own, without a stage. PASS prepares a phase of the pass that the
 * plan names, with the states of its rule; it is a launch by itself. So are LINES and TOTALS, by as
 * many thread blocks as there is work for: they follow the preparation of a phase, if the one
 * before has taken sums over rows or columns, and advance the states of these.
 */
#define PANOPTIM_STAGE_GATHER 1
#define PANOPTIM_STAGE_DECIDE 2
#define PANOPTIM_STAGE_CLIP 4
#define PANOPTIM_STAGE_SETTLE 8
#define PANOPTIM_STAGE_PREPARE 16
#define PANOPTIM_STAGE_FINISH 32
#define PANOPTIM_STAGE_PASS 64
#define PANOPTIM_STAGE_LINES 128  /* every row and column */
#define PANOPTIM_STAGE_TOTALS 256 /* the rows again, with their matrix's total */
#define PANOPTIM_STAGE_TRY 512    /* after GATHER: whether passes before the step wait */

/*
 * The one parameter of every kernel, passed by value. All addresses are the device's.
 */
typedef struct panoptim_launch {
    panoptim_plan plan;
    /*
     * Update: the chunks of this kernel's rule, or the panels; LINES and TOTALS: its panels.
     * Measuring: the chunks that are stepped here, of which others are stepped elsewhere; null: the
     * first ones of the plan.
     */
    const int32_t *chunk_list;
    panoptim_progress *progress; /* page-locked memory of the host */
    int64_t chunk_list_count;
    int32_t stages; /* control: PANOPTIM_STAGE_... together */
    int32_t phase;  /* control and update */
} panoptim_launch;

/* What an image of kernels for a device has: the variable panoptim_image_NAME of its module. */
typedef struct panoptim_image {
    int32_t abi;
    int32_t rule_count;
    panoptim_rule rules[PANOPTIM_IMAGE_MOST_RULES];
} panoptim_image;

#ifdef __cplusplus
}
#endif

#endif
