package org.panoptim.distributed;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;

/** What a member and the watch of the first one say to each other. */
sealed interface Frame {

    /** This one is there. */
    record Alive(long calls) implements Frame {}

    /** This one cannot go on. */
    record GivesUp(String reason) implements Frame {}

    /** This one's call of that number failed, and it does not know why. */
    record Waited(long call, String engine) implements Frame {}

    /** A member has left as it should. */
    record Left(int member) implements Frame {}

    /** All have come. */
    record Complete() implements Frame {}

    /** The team has ended. */
    record Ended(String reason) implements Frame {}

    /** Writes it, whole. */
    default void write(DataOutputStream out) throws IOException {
        synchronized (out) {
            switch (this) {
                case Alive(long calls) -> {
                    out.writeByte(0);
                    out.writeLong(calls);
                }
                case GivesUp(String reason) -> {
                    out.writeByte(1);
                    out.writeUTF(shortened(reason));
                }
                case Waited(long call, String engine) -> {
                    out.writeByte(2);
                    out.writeLong(call);
                    out.writeUTF(shortened(engine));
                }
                case Left(int member) -> {
                    out.writeByte(3);
                    out.writeInt(member);
                }
                case Complete() -> out.writeByte(4);
                case Ended(String reason) -> {
                    out.writeByte(5);
                    out.writeUTF(shortened(reason));
                }
            }
            out.flush();
        }
    }

    /** A text that fits into what DataOutput writes. */
    private static String shortened(String text) {
        return text.length() > 10_000 ? text.substring(0, 10_000) + "…" : text;
    }

    /** Reads the next one. */
    static Frame read(DataInputStream in) throws IOException {
        int kind = in.readByte();
        return switch (kind) {
            case 0 -> new Alive(in.readLong());
            case 1 -> new GivesUp(in.readUTF());
            case 2 -> new Waited(in.readLong(), in.readUTF());
            case 3 -> new Left(in.readInt());
            case 4 -> new Complete();
            case 5 -> new Ended(in.readUTF());
            default -> throw new IOException("a frame of unknown kind " + kind);
        };
    }
}
