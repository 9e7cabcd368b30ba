package org.panoptim.bench;

import org.panoptim.Shape;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The tensors of a model, by shape. */
public enum Workload {
    /** One tensor of 33.5 million elements. */
    FLAT {
        @Override
        List<Shape> shapes() {
            return List.of(Shape.of(1L << 25));
        }
    },
    /** One tensor of 1.5 billion elements: 24 GB with gradient and states. */
    LARGE {
        @Override
        List<Shape> shapes() {
            return List.of(Shape.of(1_500_000_000L));
        }
    },
    /** GPT-2 small: 148 tensors, 124 million elements. */
    GPT2_SMALL {
        @Override
        List<Shape> shapes() {
            var shapes = new ArrayList<Shape>();
            shapes.add(Shape.of(50257, WIDTH));
            shapes.add(Shape.of(1024, WIDTH));
            for (int layer = 0; layer < 12; layer++) {
                Collections.addAll(shapes, Shape.of(WIDTH), Shape.of(WIDTH));
                Collections.addAll(shapes, Shape.of(WIDTH, 3 * WIDTH), Shape.of(3 * WIDTH));
                Collections.addAll(shapes, Shape.of(WIDTH, WIDTH), Shape.of(WIDTH));
                Collections.addAll(shapes, Shape.of(WIDTH), Shape.of(WIDTH));
                Collections.addAll(shapes, Shape.of(WIDTH, 4 * WIDTH), Shape.of(4 * WIDTH));
                Collections.addAll(shapes, Shape.of(4 * WIDTH, WIDTH), Shape.of(WIDTH));
            }
            Collections.addAll(shapes, Shape.of(WIDTH), Shape.of(WIDTH));
            return shapes;
        }
    },
    /** 2000 tensors of 64 elements: all cost per tensor, no bandwidth. */
    SMALL {
        @Override
        List<Shape> shapes() {
            return Collections.nCopies(2000, Shape.of(64));
        }
    },
    /** Five tensors of 64 elements: a handful. */
    FEW {
        @Override
        List<Shape> shapes() {
            return Collections.nCopies(5, Shape.of(64));
        }
    },
    /** One tensor of 64 elements: the cost of the call. */
    TINY {
        @Override
        List<Shape> shapes() {
            return List.of(Shape.of(64));
        }
    };

    private static final long WIDTH = 768;

    /** The shapes, in the model's order. */
    abstract List<Shape> shapes();

    /** The number of elements of all tensors. */
    long elements() {
        return shapes().stream().mapToLong(Shape::elements).sum();
    }
}
