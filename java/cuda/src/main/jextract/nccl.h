/*
 * The part of NCCL that Panoptim calls: names, numbers and signatures as NCCL 2.14 and every later
 * version has them. NCCL's own header needs a CUDA toolkit, and a machine with GPUs seldom has it.
 */
#ifndef PANOPTIM_NCCL_H
#define PANOPTIM_NCCL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A communicator. */
typedef struct ncclComm *ncclComm_t;

/* A stream, which CUDA's driver knows as the same. */
typedef struct CUstream_st *cudaStream_t;

/* What a communicator is named by; one member makes it, and all have it. */
#define NCCL_UNIQUE_ID_BYTES 128
typedef struct ncclUniqueId {
    char internal[NCCL_UNIQUE_ID_BYTES];
} ncclUniqueId;

/* What calls return. */
typedef enum ncclResult_t {
    ncclSuccess = 0,
    ncclUnhandledCudaError = 1,
    ncclSystemError = 2,
    ncclInternalError = 3,
    ncclInvalidArgument = 4,
    ncclInvalidUsage = 5,
    ncclRemoteError = 6,
    ncclInProgress = 7
} ncclResult_t;

/* Types of elements; of bytes alone, since nothing is computed. */
typedef enum ncclDataType_t { ncclUint8 = 1 } ncclDataType_t;

/*
 * Settings of a communicator, as of 2.14; later versions have more behind these, and take what says
 * that it is of this one.
 */
#define PANOPTIM_NCCL_CONFIG_MAGIC 0xcafebeef
#define PANOPTIM_NCCL_CONFIG_VERSION 21400
typedef struct ncclConfig_t {
    size_t size;          /* of this */
    unsigned int magic;   /* PANOPTIM_NCCL_CONFIG_MAGIC */
    unsigned int version; /* PANOPTIM_NCCL_CONFIG_VERSION */
    int blocking;         /* 0: calls return ncclInProgress instead of waiting for other members */
} ncclConfig_t;

ncclResult_t ncclGetVersion(int *version);
ncclResult_t ncclGetUniqueId(ncclUniqueId *id);
ncclResult_t ncclCommInitRankConfig(ncclComm_t *comm, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t *config);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *state);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclCommDestroy(ncclComm_t comm);
ncclResult_t ncclGroupStart(void);
ncclResult_t ncclGroupEnd(void);
ncclResult_t ncclSend(const void *from, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclRecv(void *to, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream);
const char *ncclGetErrorString(ncclResult_t result);
const char *ncclGetLastError(ncclComm_t comm);

#ifdef __cplusplus
}
#endif

#endif
