// Every other call that a library may link to: refused.
#include "results.h"

extern "C" {
#define UNSUPPORTED(name)                                                                          \
    int name();                                                                                    \
    int name() {                                                                                   \
        return panoptim_virtual::result::not_supported;                                            \
    }
#include "unsupported.def"
#undef UNSUPPORTED
}
