package org.panoptim.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** A channel that writes all that it is handed, and whose failures name the file. */
sealed class NamedChannel implements WritableByteChannel permits SeekableNamedChannel {

    private final Path file;
    private final FileChannel channel;

    NamedChannel(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    final FileChannel channel() {
        return channel;
    }

    @Override
    public final int write(ByteBuffer source) throws IOException {
        int count = source.remaining();
        try {
            while (source.hasRemaining()) {
                channel.write(source);
            }
        } catch (IOException e) {
            throw named(e);
        }
        return count;
    }

    /** Waits until the disk has all of it. */
    final void force() throws IOException {
        try {
            channel.force(true);
        } catch (IOException e) {
            throw named(e);
        }
    }

    /** The system's own exception says "No space left on device", but not where. */
    private IOException named(IOException failure) {
        if (failure instanceof ClosedChannelException) {
            // Tells of an interrupt, which whoever interrupted looks for.
            return failure;
        }
        var named = new FileSystemException(file.toString(), null, failure.getMessage());
        named.initCause(failure);
        return named;
    }

    @Override
    public final boolean isOpen() {
        return channel.isOpen();
    }

    @Override
    public final void close() throws IOException {
        channel.close();
    }
}
