package org.panoptim.io;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A program that writes half a file, says so, and goes on when its input ends. */
final class SlowWriter {

    private SlowWriter() {}

    public static void main(String[] arguments) throws IOException {
        OutputFile.write(
                Path.of(arguments[0]),
                channel -> {
                    channel.write(ByteBuffer.wrap("first ".getBytes(UTF_8)));
                    System.out.println("half");
                    System.in.readAllBytes();
                    channel.write(ByteBuffer.wrap("second".getBytes(UTF_8)));
                });
    }
}
