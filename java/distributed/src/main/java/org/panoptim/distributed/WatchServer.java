package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The first member's ear for all: takes down who came and who left, finds out who is gone, silent
 * or behind, and tells all others.
 */
final class WatchServer implements AutoCloseable {

    /**
     * How long it waits for the word of a member that died, and for who says where it is, before it
     * blames somebody for a call that failed.
     */
    private static final long INQUIRY_MILLIS = 500;

    /**
     * Who leaves says no reason: its work may be done, or its own code threw, past which a {@code
     * try} has closed its cluster.
     */
    static final String WITHOUT_REASON =
            "it gave no reason, which its own output may tell; Cluster.abort passes one on";

    /** How long it waits for the others to hang up. */
    private static final long FAREWELL_MILLIS = 1000;

    /** A member that has not left. */
    private static final class Member {

        private final Socket socket;
        private final DataOutputStream out;
        private long call;

        /** The last call of each channel that has been under way for a while. */
        private final Map<Integer, Frame.Waits> waits = new HashMap<>();

        Member(Socket socket) throws IOException {
            this.socket = socket;
            out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
        }

        void tell(Frame frame) {
            try {
                frame.write(out);
            } catch (IOException e) {
                // Its own connection says what became of it.
            }
        }

        void say(Frame last) {
            tell(last);
            try {
                socket.shutdownOutput();
            } catch (IOException e) {
                // Then it has hung up.
            }
        }

        void hangUp() {
            try {
                socket.close();
            } catch (IOException e) {
                // It is of no use any more in any case.
            }
        }
    }

    private final Membership membership;
    private final Pulse pulse;
    private final ServerSocket listening;
    private final long password = new SecureRandom().nextLong();
    private final TreeMap<Integer, Member> members = new TreeMap<>();
    private final TreeSet<Integer> left = new TreeSet<>();
    private final TreeMap<Integer, Frame.Waited> failed = new TreeMap<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private boolean complete;
    private @Nullable String end;

    private WatchServer(Membership membership, Pulse pulse, ServerSocket listening) {
        this.membership = membership;
        this.pulse = pulse;
        this.listening = listening;
    }

    static WatchServer open(Membership membership, Pulse pulse) throws IOException {
        var server = new WatchServer(membership, pulse, new ServerSocket(0, membership.size() + 8));
        server.start("panoptim-watch-door", server::accept);
        server.start("panoptim-watch-beat", server::beat);
        return server;
    }

    private void start(String name, Runnable work) {
        Thread.ofPlatform().daemon().name(name).start(work);
    }

    int port() {
        return listening.getLocalPort();
    }

    /** What a member says first: whatever else connects is sent away. */
    long password() {
        return password;
    }

    private void accept() {
        while (closing.getCount() > 0) {
            try {
                var socket = listening.accept();
                start("panoptim-watch-member", () -> serve(socket));
            } catch (IOException e) {
                return;
            }
        }
    }

    private void serve(Socket socket) {
        int rank = -1;
        try (socket;
                var in = new DataInputStream(socket.getInputStream())) {
            socket.setSoTimeout(Math.toIntExact(pulse.silence().toMillis()));
            socket.setTcpNoDelay(true);
            if (!(Frame.read(in) instanceof Frame.Hello hello)
                    || hello.password() != password
                    || !enter(hello, socket)) {
                return;
            }
            rank = hello.rank();
            while (hear(rank, Frame.read(in))) {}
        } catch (SocketTimeoutException e) {
            lost(rank, "member %d has not been heard of for %s".formatted(rank, pulse.silence()));
        } catch (IOException e) {
            lost(rank, "member %d is gone".formatted(rank));
        }
    }

    /** Whether it is taken in. */
    private synchronized boolean enter(Frame.Hello hello, Socket socket) throws IOException {
        var member = new Member(socket);
        if (complete && end == null) {
            // Whoever it is, the team goes on.
            member.tell(new Frame.Ended("the team is complete without it"));
            return false;
        }
        if (hello.size() != membership.size()) {
            end(
                    "member %d was told of %d members, but member 0 of %d"
                            .formatted(hello.rank(), hello.size(), membership.size()));
        } else if (members.containsKey(hello.rank())) {
            end("two processes came as member " + hello.rank());
        }
        if (end != null) {
            member.tell(new Frame.Ended(end));
            return false;
        }
        members.put(hello.rank(), member);
        if (members.size() == membership.size()) {
            complete = true;
            tellAll(new Frame.Complete(address().getHostAddress()));
        }
        return true;
    }

    /** By which the other members reach this machine, those on others if there are any. */
    private InetAddress address() {
        return members.values().stream()
                .map(member -> member.socket.getLocalAddress())
                .filter(address -> !address.isLoopbackAddress())
                .findFirst()
                .orElse(InetAddress.getLoopbackAddress());
    }

    /** Takes up a word of a member; whether more is to come. */
    private boolean hear(int rank, Frame frame) {
        return switch (frame) {
            case Frame.Alive(long call) -> {
                at(rank, call);
                yield true;
            }
            case Frame.GivesUp(String reason) -> {
                end("member %d gave up: %s".formatted(rank, reason));
                yield true;
            }
            case Frame.Waited waited -> {
                at(rank, waited.call());
                failed(rank, waited);
                yield true;
            }
            case Frame.Waits waits -> {
                compare(rank, waits);
                yield true;
            }
            case Frame.Left _ -> {
                leave(rank);
                yield false;
            }
            case Frame.Hello _, Frame.Complete _, Frame.Asked _, Frame.Ended _ -> true;
        };
    }

    private synchronized void at(int rank, long call) {
        var member = members.get(rank);
        if (member != null) {
            member.call = Math.max(member.call, call);
        }
    }

    /** Finds out whether members that wait for each other do so in different calls. */
    private synchronized void compare(int rank, Frame.Waits own) {
        var member = members.get(rank);
        if (member == null) {
            return;
        }
        member.waits.put(own.channel(), own);
        for (var each : members.entrySet()) {
            int other = each.getKey();
            var others = each.getValue().waits.get(own.channel());
            if (others != null && others.number() == own.number()) {
                requireSame(rank, own, other, others);
                requireSame(other, others, rank, own);
            }
        }
    }

    private void requireSame(int from, Frame.Waits sending, int to, Frame.Waits receiving) {
        long sent = sending.sent().get(to);
        long expected = receiving.received().get(from);
        if (sent != expected) {
            end(Pieces.differ(from, sent, to, expected));
        }
    }

    private synchronized void failed(int rank, Frame.Waited waited) {
        failed.putIfAbsent(rank, waited);
        if (failed.size() == 1) {
            start("panoptim-watch-inquiry", this::inquire);
        }
    }

    /** Finds out why calls failed. */
    private void inquire() {
        tellAll(new Frame.Asked());
        try {
            closing.await(INQUIRY_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            // The engine of who has waited in vain hangs up, which fails the calls of others.
            var told =
                    failed.entrySet().stream()
                            .filter(each -> each.getValue().timedOut())
                            .findFirst()
                            .orElse(failed.firstEntry());
            end(blame(told.getKey(), told.getValue()));
        }
    }

    private String blame(int rank, Frame.Waited waited) {
        if (!left.isEmpty()) {
            return "%s left before the others (member %d was in call %d): %s"
                    .formatted(names(left::contains), rank, waited.call(), WITHOUT_REASON);
        }
        var behind =
                names(
                        other ->
                                members.containsKey(other)
                                        && members.get(other).call < waited.call());
        return waited.timedOut() && !behind.isEmpty()
                ? "%s did not come within %s (member %d waited in call %d)"
                        .formatted(behind, membership.timeout(), rank, waited.call())
                : "member %d gave up: %s".formatted(rank, waited.engine());
    }

    private String names(IntPredicate ranks) {
        return IntStream.range(0, membership.size())
                .filter(ranks)
                .mapToObj(rank -> "member " + rank)
                .collect(Collectors.joining(", "));
    }

    private synchronized void leave(int rank) {
        members.remove(rank);
        left.add(rank);
        tellAll(new Frame.Left(rank));
        notifyAll();
    }

    private synchronized void lost(int rank, String reason) {
        // Those that nobody knows may go as they came.
        if (rank >= 0 && members.remove(rank) != null) {
            if (closing.getCount() > 0) {
                end(reason);
            }
            notifyAll();
        }
    }

    private synchronized void end(String reason) {
        if (end == null) {
            end = reason;
            tellAll(new Frame.Ended(reason));
        }
    }

    private synchronized void tellAll(Frame frame) {
        members.values().forEach(member -> member.tell(frame));
    }

    private void beat() {
        try {
            long until = System.nanoTime() + membership.timeout().toNanos();
            while (!closing.await(pulse.beat().toMillis(), TimeUnit.MILLISECONDS)) {
                synchronized (this) {
                    tellAll(new Frame.Alive(0));
                    if (!complete && System.nanoTime() > until) {
                        end(
                                "%s did not come within %s"
                                        .formatted(
                                                names(rank -> !members.containsKey(rank)),
                                                membership.timeout()));
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Tells the others that this member leaves, and lets them hang up. */
    @Override
    public void close() {
        closing.countDown();
        synchronized (this) {
            members.values().forEach(member -> member.say(new Frame.Left(0)));
            awaitFarewells();
            members.values().forEach(Member::hangUp);
        }
        try {
            listening.close();
        } catch (IOException e) {
            // It is of no use any more in any case.
        }
    }

    /**
     * A connection that is closed at once may lose what was said last, and the other would take
     * this member for dead.
     */
    private void awaitFarewells() {
        long until = System.nanoTime() + FAREWELL_MILLIS * 1_000_000;
        try {
            while (!members.isEmpty() && System.nanoTime() < until) {
                TimeUnit.NANOSECONDS.timedWait(this, until - System.nanoTime());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
