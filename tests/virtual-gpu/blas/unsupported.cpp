// Every other call that JCublas2's native library links to: CUBLAS_STATUS_NOT_SUPPORTED.
extern "C" {
#define UNSUPPORTED(name)                                                                          \
    int name();                                                                                    \
    int name() {                                                                                   \
        return 15;                                                                                 \
    }
#include "unsupported.def"
#undef UNSUPPORTED
}
