// Makes matrices exactly symmetric: what is above the diagonal becomes what is below it. A thread
// block takes a tile of 64 x 64 below the diagonal at a time. Traffic: 4 bytes an element.
#include "matrix/batch.cuh"

extern "C" __global__ void __launch_bounds__(panoptim::matrix_threads)
    panoptim_matrix_mirror(const panoptim_matrix_launch launch) {
    using namespace panoptim;
    __shared__ float tile[matrix_block * matrix_row];
    const int64_t size = launch.size;
    const int side = matrix_blocks(static_cast<int>(launch.size));
    const int64_t tiles = int64_t{side} * (side + 1) / 2;
    for (int64_t task = blockIdx.x; task < launch.count * tiles; task += gridDim.x) {
        // Counted by rows of the triangle of tiles.
        int64_t column = task % tiles;
        int64_t row = 0;
        while (column > row) {
            ++row;
            column -= row;
        }
        const int first_row = static_cast<int>(row) * matrix_block;
        const int first_column = static_cast<int>(column) * matrix_block;
        const int rows = rows_of_block(launch, first_row);
        const int columns = rows_of_block(launch, first_column);
        float *matrix = matrix_at(launch.to, task / tiles);
        each_of_block(rows, columns, [&](int i, int j, int at) {
            tile[at] = matrix[(first_row + i) * size + first_column + j];
        });
        __syncthreads();
        each_of_block(columns, rows, [&](int i, int j, int) {
            if (first_row + j > first_column + i) {
                matrix[(first_column + i) * size + first_row + j] = tile[j * matrix_row + i];
            }
        });
        __syncthreads();
    }
}
