package org.panoptim.safetensors;

import java.io.IOException;
import java.nio.file.Path;

/**
 * Says that a file is not the safetensors file that was expected. The message names the file, the
 * place in it, what was expected there and what came.
 *
 * <p>Names and values that come from the file are shortened and stripped of control characters, so
 * that the message is safe to print.
 */
public final class SafetensorsException extends IOException {
    private static final long serialVersionUID = 1L;

    /**
     * @param file the file that was read
     * @param place where in the file, for example {@code "header"}
     * @param problem what was expected there and what came
     */
    public SafetensorsException(Path file, String place, String problem) {
        super(file + ": " + place + ": " + problem);
    }

    /**
     * Makes an exception about one tensor of a file, also for checks of a caller's own, such as a
     * shape that does not fit.
     *
     * @param file the file that was read
     * @param tensor the tensor's name
     * @param problem what was expected of the tensor and what came
     */
    public static SafetensorsException forTensor(Path file, String tensor, String problem) {
        return new SafetensorsException(file, "tensor " + Printable.quote(tensor), problem);
    }
}
