package org.panoptim.distributed;

import static java.util.stream.Collectors.joining;

import org.bytedeco.pytorch.global.torch;
import org.panoptim.shard.TeamException;
import org.panoptim.shard.Transfer;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Executors;

/**
 * A program that does with a cluster what it is told by lines, one after another, and answers each
 * with what came of it.
 *
 * <pre>
 * load                         the libraries, which takes longer than some tests wait
 * keep PORT                    the store, as torchrun's agent does
 * join PORT RANK SIZE MILLIS   timeout in milliseconds; if the store is kept, "kept" follows
 * exchange 2,0 2,1             sizes of what is sent and received, but by itself; a byte says from
 *                              whom to whom
 * pipeline 3                   so many exchanges at once of a piece of one and one of two bytes
 * gather 1,0,2                 a byte says whose it is
 * channels 1,0                 calls of two channels at once, begun in that order; a byte says whose
 *                              it is and of which channel
 * barrier
 * abort REASON
 * meanwhile abort REASON       beside a call that waits
 * close
 * </pre>
 */
final class Puppet {

    /** Where the first member is. */
    private static final String HOST = System.getenv().getOrDefault("MASTER_ADDR", "127.0.0.1");

    private Cluster cluster;
    private Rendezvous kept;

    private Puppet() {}

    public static void main(String[] arguments) throws IOException {
        var puppet = new Puppet();
        try (var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
                var thread = Executors.newSingleThreadExecutor()) {
            for (var line = in.readLine(); line != null; line = in.readLine()) {
                var words = line.split(" ", 2);
                if (words[0].equals("meanwhile")) {
                    puppet.answer(words[1]);
                } else {
                    var command = line;
                    thread.submit(() -> puppet.answer(command));
                }
            }
        }
        System.exit(0);
    }

    private void answer(String line) {
        var found = "";
        try {
            var words = line.split(" ", 2);
            found = done(words[0], words.length == 1 ? "" : words[1]);
        } catch (TeamException e) {
            found = e.getMessage();
        } catch (Throwable e) {
            found = e.toString();
        }
        System.out.println(JavaProcess.ANSWER + found);
    }

    private String done(String command, String rest) throws IOException {
        switch (command) {
            case "load" -> torch.cuda_is_available();
            case "keep" -> kept = new Rendezvous(Membership.of(HOST, Integer.parseInt(rest), 0, 1));
            case "join" -> cluster = Cluster.join(membership(rest.split(" ")));
            case "exchange" -> {
                var sizes = rest.split(" ");
                return exchange(sizes(sizes[0]), sizes(sizes[1]));
            }
            case "gather" -> {
                return gather(sizes(rest));
            }
            case "channels" -> {
                return channels(sizes(rest));
            }
            case "pipeline" -> {
                return pipeline(Integer.parseInt(rest));
            }
            case "heap" -> cluster.gather(MemorySegment.ofArray(new byte[2]), new long[] {1, 1});
            case "barrier" -> cluster.barrier();
            case "abort" -> cluster.abort(rest);
            case "close" -> cluster.close();
            default -> throw new IllegalArgumentException("unknown: " + command);
        }
        return "done";
    }

    private static Membership membership(String[] words) {
        return new Membership(
                HOST,
                Integer.parseInt(words[0]),
                Integer.parseInt(words[1]),
                Integer.parseInt(words[2]),
                0,
                Duration.ofMillis(Integer.parseInt(words[3])),
                "test",
                words.length == 5);
    }

    private static long[] sizes(String list) {
        return Arrays.stream(list.split(",")).mapToLong(Long::parseLong).toArray();
    }

    private String exchange(long[] sentBytes, long[] receivedBytes) {
        try (var arena = Arena.ofShared()) {
            var sent = pieces(arena, sentBytes);
            for (int to = 0; to < sent.size(); to++) {
                int mark = 16 * cluster.rank() + to;
                sent.get(to).forEach(piece -> piece.fill((byte) mark));
            }
            var received = pieces(arena, receivedBytes);
            cluster.exchange(sent, received);
            return hex(received);
        }
    }

    private List<List<MemorySegment>> pieces(Arena arena, long... sizes) {
        var pieces = new ArrayList<List<MemorySegment>>();
        for (int member = 0; member < sizes.length; member++) {
            pieces.add(
                    member == cluster.rank() ? List.of() : List.of(arena.allocate(sizes[member])));
        }
        return pieces;
    }

    private String pipeline(int transfers) {
        try (var arena = Arena.ofShared()) {
            var received = new ArrayList<List<MemorySegment>>();
            var under = new ArrayList<Transfer>();
            for (int i = 0; i < transfers; i++) {
                byte mark = (byte) (16 * cluster.rank() + i);
                var sent = arena.allocate(3).fill(mark);
                var into = new ArrayList<List<MemorySegment>>();
                var from = new ArrayList<List<MemorySegment>>();
                for (int member = 0; member < cluster.size(); member++) {
                    boolean other = member != cluster.rank();
                    from.add(other ? List.of(sent.asSlice(0, 1), sent.asSlice(1, 2)) : List.of());
                    into.add(other ? List.of(arena.allocate(1), arena.allocate(2)) : List.of());
                }
                under.add(cluster.begin(from, into));
                received.addAll(into);
            }
            under.forEach(Transfer::await);
            return hex(received);
        }
    }

    private String channels(long[] order) {
        try (var arena = Arena.ofShared()) {
            var channels = List.of(cluster.channel(), cluster.channel());
            var received = List.of(pieces(arena, 1, 1), pieces(arena, 1, 1));
            var under = new ArrayList<Transfer>();
            for (long each : order) {
                int channel = (int) each;
                var sent = pieces(arena, 1, 1);
                byte mark = (byte) (16 * cluster.rank() + channel);
                sent.stream().flatMap(List::stream).forEach(piece -> piece.fill(mark));
                under.add(channels.get(channel).begin(sent, received.get(channel)));
            }
            under.forEach(Transfer::await);
            return hex(received.getFirst()) + hex(received.getLast());
        }
    }

    private String gather(long[] bytes) {
        try (var arena = Arena.ofShared()) {
            var all = arena.allocate(Arrays.stream(bytes).sum());
            long at = Arrays.stream(bytes).limit(cluster.rank()).sum();
            all.asSlice(at, bytes[cluster.rank()]).fill((byte) (cluster.rank() + 1));
            cluster.gather(all, bytes);
            return hex(all);
        }
    }

    private static String hex(List<List<MemorySegment>> pieces) {
        return pieces.stream().flatMap(List::stream).map(Puppet::hex).collect(joining());
    }

    private static String hex(MemorySegment bytes) {
        return HexFormat.of().formatHex(bytes.toArray(ValueLayout.JAVA_BYTE));
    }
}
