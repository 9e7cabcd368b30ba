package org.panoptim.distributed;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What a member and the watch of the first one say to each other. */
sealed interface Frame {

    /**
     * What a member says first.
     *
     * @param password by which the watch knows that it is a member
     * @param size of the team, as the member was told
     */
    record Hello(long password, int rank, int size) implements Frame {}

    /** All have come; by this address of its machine they reach the first member. */
    record Complete(String address) implements Frame {}

    /** This one is there, and at that call. */
    record Alive(long call) implements Frame {}

    /** The watch wants to know at which call a member is. */
    record Asked() implements Frame {}

    /** This one cannot go on. */
    record GivesUp(String reason) implements Frame {}

    /**
     * This one's call of that number failed, and it does not know why.
     *
     * @param timedOut whether it waited as long as it should
     * @param engine what the engine says
     */
    record Waited(long call, boolean timedOut, String engine) implements Frame {}

    /**
     * A call has been under way for a while.
     *
     * @param channel of it, from 0 on
     * @param number of it among those of the channel
     * @param sent bytes to each member
     * @param received bytes expected from each
     */
    record Waits(int channel, long number, List<Long> sent, List<Long> received) implements Frame {}

    /** A member has left as it should. */
    record Left(int member) implements Frame {}

    /** The team has ended. */
    record Ended(String reason) implements Frame {}

    /** Writes it, whole. */
    default void write(DataOutputStream out) throws IOException {
        synchronized (out) {
            switch (this) {
                case Hello(long password, int rank, int size) -> {
                    out.writeByte(0);
                    out.writeLong(password);
                    out.writeInt(rank);
                    out.writeInt(size);
                }
                case Complete(String address) -> {
                    out.writeByte(1);
                    out.writeUTF(address);
                }
                case Alive(long call) -> {
                    out.writeByte(2);
                    out.writeLong(call);
                }
                case Asked() -> out.writeByte(3);
                case GivesUp(String reason) -> {
                    out.writeByte(4);
                    out.writeUTF(shortened(reason));
                }
                case Waited(long call, boolean timedOut, String engine) -> {
                    out.writeByte(5);
                    out.writeLong(call);
                    out.writeBoolean(timedOut);
                    out.writeUTF(shortened(engine));
                }
                case Left(int member) -> {
                    out.writeByte(6);
                    out.writeInt(member);
                }
                case Ended(String reason) -> {
                    out.writeByte(7);
                    out.writeUTF(shortened(reason));
                }
                case Waits(int channel, long number, var sent, var received) -> {
                    out.writeByte(8);
                    out.writeInt(channel);
                    out.writeLong(number);
                    write(sent, out);
                    write(received, out);
                }
            }
            out.flush();
        }
    }

    private static void write(List<Long> numbers, DataOutputStream out) throws IOException {
        out.writeInt(numbers.size());
        for (long number : numbers) {
            out.writeLong(number);
        }
    }

    private static List<Long> readNumbers(DataInputStream in) throws IOException {
        var numbers = new ArrayList<Long>();
        for (int left = in.readInt(); left > 0; left--) {
            numbers.add(in.readLong());
        }
        return List.copyOf(numbers);
    }

    /** A text that fits into what DataOutput writes. */
    private static String shortened(String text) {
        return text.length() > 10_000 ? text.substring(0, 10_000) + "…" : text;
    }

    /** Reads the next one. */
    static Frame read(DataInputStream in) throws IOException {
        int kind = in.readByte();
        return switch (kind) {
            case 0 -> new Hello(in.readLong(), in.readInt(), in.readInt());
            case 1 -> new Complete(in.readUTF());
            case 2 -> new Alive(in.readLong());
            case 3 -> new Asked();
            case 4 -> new GivesUp(in.readUTF());
            case 5 -> new Waited(in.readLong(), in.readBoolean(), in.readUTF());
            case 6 -> new Left(in.readInt());
            case 7 -> new Ended(in.readUTF());
            case 8 -> new Waits(in.readInt(), in.readLong(), readNumbers(in), readNumbers(in));
            default -> throw new IOException("a frame of unknown kind " + kind);
        };
    }
}
