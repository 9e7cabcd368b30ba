package org.panoptim.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;

/** A {@link NamedChannel} into a regular file, in which one can go back. */
final class SeekableNamedChannel extends NamedChannel implements SeekableByteChannel {

    SeekableNamedChannel(Path file, FileChannel channel) {
        super(file, channel);
    }

    @Override
    public int read(ByteBuffer destination) throws IOException {
        return channel().read(destination);
    }

    @Override
    public long position() throws IOException {
        return channel().position();
    }

    @Override
    public SeekableByteChannel position(long position) throws IOException {
        channel().position(position);
        return this;
    }

    @Override
    public long size() throws IOException {
        return channel().size();
    }

    @Override
    public SeekableByteChannel truncate(long size) throws IOException {
        channel().truncate(size);
        return this;
    }
}
