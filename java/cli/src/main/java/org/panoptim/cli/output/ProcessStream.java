package org.panoptim.cli.output;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Standard output or standard error, of which every write that fails is an exception: {@code
 * System.out} and a {@link PrintWriter} hide that.
 */
public final class ProcessStream extends OutputStream {

    private static final Path DESCRIPTORS = Path.of("/proc/self/fd");

    private final FileOutputStream stream;
    private final int descriptor;
    private final String name;

    private ProcessStream(FileDescriptor file, int descriptor, String name) {
        this.stream = new FileOutputStream(file);
        this.descriptor = descriptor;
        this.name = name;
    }

    /**
     * Prints to standard output, in the encoding of {@code System.out}; in UTF-8 where that is
     * ASCII, which the locale C reports for terminals that can do more.
     *
     * @return a writer that flushes after each line, and throws {@link OutputException} then
     */
    public static PrintWriter out() {
        return new ProcessStream(FileDescriptor.out, 1, "standard output")
                .writer(System.out.charset());
    }

    /** As {@link #out}, to standard error. */
    public static PrintWriter err() {
        return new ProcessStream(FileDescriptor.err, 2, "standard error")
                .writer(System.err.charset());
    }

    private PrintWriter writer(Charset charset) {
        return new PrintWriter(
                new OutputStreamWriter(
                        this,
                        charset.equals(StandardCharsets.US_ASCII)
                                ? StandardCharsets.UTF_8
                                : charset),
                true);
    }

    @Override
    public void write(int value) {
        write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
        try {
            stream.write(bytes, offset, length);
        } catch (IOException e) {
            throw new OutputException(name, isPipe(), e);
        }
    }

    /** A pipe fails for no other reason than that nobody reads it. */
    private boolean isPipe() {
        try {
            var target = Files.readSymbolicLink(DESCRIPTORS.resolve(Integer.toString(descriptor)));
            return target.toString().startsWith("pipe:") || target.toString().startsWith("socket:");
        } catch (IOException _) {
            return false;
        }
    }
}
