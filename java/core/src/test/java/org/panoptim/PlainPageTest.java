package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.panoptim.parameter.FlatParameters;
import org.panoptim.rule.Rules;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;

/** The code that docs/plain.md shows, compiled and run. */
class PlainPageTest {

    private double loss = Double.POSITIVE_INFINITY;

    @Test
    void theRunTrainsAndIsSaved(@TempDir Path folder) throws IOException {
        var file = folder.resolve("optimizer.safetensors");
        train(200, file);
        assertThat(loss).isLessThan(1e-3);
        assertThat(file).isNotEmptyFile();
    }

    private void train(int steps, Path file) throws IOException {
        // snippet:start
        try (var arena = Arena.ofShared()) {
            var net =
                    FlatParameters.builder()
                            .add("hidden.weight", 32, 16)
                            .add("hidden.bias", 32)
                            .allocate(arena);
            draw(net.values("hidden.weight"));
            try (var optimizer = Optimizer.of(Rules.adamW(1e-2), net.list())) {
                for (int step = 0; step < steps; step++) {
                    backward(net); // leaves the gradients in net.gradients()
                    optimizer.step();
                }
                optimizer.save(file);
            }
        }
        // snippet:end
    }

    private static void draw(MemorySegment values) {
        for (long i = 0; i < values.byteSize() / Float.BYTES; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, i % 2 - 0.5f);
        }
    }

    /** The mean square of all parameters. */
    private void backward(FlatParameters net) {
        long elements = net.values().byteSize() / Float.BYTES;
        loss = 0;
        for (long i = 0; i < elements; i++) {
            float value = net.values().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            loss += value * value / elements;
            net.gradients().setAtIndex(ValueLayout.JAVA_FLOAT, i, 2 * value / elements);
        }
    }
}
