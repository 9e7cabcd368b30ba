package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.rule.MatrixView;
import org.panoptim.tensor.Shape;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Sums over rows and columns against models that build them from their description. */
class LineSumsTest {

    private static final int LANES = 128;
    private static final int PIECE_ROWS = 64;
    private static final int PANEL_COLUMNS = 1024;

    private static float[] values(int count) {
        var random = new Random(7);
        var values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(40)));
        }
        return values;
    }

    private static LineSums filled(LineSums sums, float[] values) {
        for (int i = 0; i < values.length; i++) {
            sums.add(i, values[i], 3);
        }
        sums.finish();
        return sums;
    }

    private static double joined(List<Double> values) {
        return ReductionTree.join(values.stream().mapToDouble(Double::doubleValue).toArray());
    }

    /** 128 lanes, halved until one is left. */
    private static double segment(float[] row, int first) {
        var lanes = new double[LANES];
        for (int i = 0; i < LANES && first + i < row.length; i++) {
            lanes[i] = (double) row[first + i] * 3.0;
        }
        for (int width = LANES / 2; width > 0; width /= 2) {
            for (int i = 0; i < width; i++) {
                lanes[i] = lanes[i] + lanes[i + width];
            }
        }
        return lanes[0];
    }

    /** As panels have it: segments joined within a panel, then panels. */
    private static double row(float[] row) {
        var panels = new ArrayList<Double>();
        for (int panel = 0; panel < row.length; panel += PANEL_COLUMNS) {
            var segments = new ArrayList<Double>();
            int end = Math.min(row.length, panel + PANEL_COLUMNS);
            for (int first = panel; first < end; first += LANES) {
                segments.add(segment(row, first));
            }
            panels.add(joined(segments));
        }
        return joined(panels);
    }

    private static double column(float[] column) {
        var pieces = new ArrayList<Double>();
        for (int first = 0; first < column.length; first += PIECE_ROWS) {
            double sum = 0;
            for (int i = first; i < Math.min(column.length, first + PIECE_ROWS); i++) {
                sum += (double) column[i] * 3.0;
            }
            pieces.add(sum);
        }
        return joined(pieces);
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "1, 1, 129",
        "3, 2, 5",
        "2, 63, 127",
        "2, 64, 128",
        "1, 65, 1023",
        "2, 129, 1025",
        "1, 3, 3077",
        "1, 300, 2"
    })
    void theTreesAreAsDescribed(int matrices, int rows, int columns) {
        var stack = MatrixStack.of(Shape.of(matrices, rows, columns), MatrixView.LAST_TWO);
        var values = values(matrices * rows * columns);
        var ofRows = filled(new LineSums.OfRows(stack), values);
        var ofColumns = filled(new LineSums.OfColumns(stack), values);
        for (int r = 0; r < matrices * rows; r++) {
            var row = new float[columns];
            System.arraycopy(values, r * columns, row, 0, columns);
            assertThat(ofRows.sum(r)).as("row %d", r).isEqualTo(row(row));
        }
        for (int matrix = 0; matrix < matrices; matrix++) {
            for (int c = 0; c < columns; c++) {
                var column = new float[rows];
                for (int r = 0; r < rows; r++) {
                    column[r] = values[(matrix * rows + r) * columns + c];
                }
                assertThat(ofColumns.sum((long) matrix * columns + c))
                        .as("column %d of matrix %d", c, matrix)
                        .isEqualTo(column(column));
            }
        }
    }

    /** Else the models would prove nothing. */
    @Test
    void theOrderShowsInTheBits() {
        var values = values(2000);
        double running = 0;
        for (float value : values) {
            running += (double) value * 3.0;
        }
        assertThat(row(values)).isNotEqualTo(running);
        assertThat(column(values)).isNotEqualTo(running);
    }

    @Test
    void aTensorWithoutElementsHasNoMatrices() {
        assertThat(MatrixStack.of(Shape.of(3, 0, 2), MatrixView.LAST_TWO).matrices()).isZero();
        assertThat(MatrixStack.of(Shape.of(2, 3, 4), MatrixView.UNITS))
                .isEqualTo(new MatrixStack(1, 2, 12));
    }
}
