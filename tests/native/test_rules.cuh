// The rules that only the testing library knows.
#pragma once

#include "test_averaged.cuh"
#include "test_normalized.cuh"
#include "test_orthogonal.cuh"
#include "test_states.cuh"
#include "test_units.cuh"
