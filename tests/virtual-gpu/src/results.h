// CUresult by short names.
#pragma once

namespace panoptim_virtual::result {

#define RESULT(name, number, cuda, text) constexpr int name = number;
#include "results.def"
#undef RESULT

} // namespace panoptim_virtual::result
