package org.panoptim.testkit;

import org.panoptim.tensor.Shape;

import java.util.List;

/** Shapes of matrices that between them try every path of products on a backend. */
public final class MatrixShapes {

    /** Of one block, of several, of a part of one; wide, tall and square; several of one shape. */
    public static final List<Shape> OF_BLOCKS =
            List.of(
                    Shape.of(64, 70),
                    Shape.of(64, 70),
                    Shape.of(130, 129),
                    Shape.of(1, 200),
                    Shape.of(200, 65),
                    Shape.of(3, 3),
                    Shape.of(64, 70));

    private MatrixShapes() {}
}
