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
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The first member's ear for all: takes down who came and who left, finds out who is gone, silent
 * or behind, and tells all others.
 */
final class WatchServer implements AutoCloseable {

    /** How long it waits for the word of a member that died, before it blames who is behind. */
    private static final long DEATHS_FIRST_MILLIS = 300;

    /** A member that has not left. */
    private static final class Member {

        private final Socket socket;
        private final DataOutputStream out;
        private long calls;

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
    }

    private final Membership membership;
    private final Pulse pulse;
    private final ServerSocket listening;
    private final long password = new SecureRandom().nextLong();
    private final TreeMap<Integer, Member> members = new TreeMap<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private int came;
    private volatile InetAddress address = InetAddress.getLoopbackAddress();
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

    /** By which the other members reach this machine. */
    InetAddress address() {
        return address;
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
            if (in.readLong() != password) {
                return;
            }
            int found = in.readInt();
            if (!enter(found, socket)) {
                return;
            }
            rank = found;
            while (hear(rank, Frame.read(in))) {}
        } catch (SocketTimeoutException e) {
            lost(rank, "member %d has not been heard of for %s".formatted(rank, pulse.silence()));
        } catch (IOException e) {
            lost(rank, "member %d is gone".formatted(rank));
        }
    }

    private synchronized boolean enter(int rank, Socket socket) throws IOException {
        var member = new Member(socket);
        if (end != null) {
            member.tell(new Frame.Ended(end));
            return false;
        }
        if (rank < 0 || rank >= membership.size() || members.containsKey(rank)) {
            member.tell(
                    new Frame.Ended(
                            "there is a member %d already, or should be none".formatted(rank)));
            return false;
        }
        members.put(rank, member);
        if (rank > 0) {
            address = socket.getLocalAddress();
        }
        if (++came == membership.size()) {
            tellAll(new Frame.Complete());
        }
        return true;
    }

    /** Takes up a word of a member; whether more is to come. */
    private boolean hear(int rank, Frame frame) {
        return switch (frame) {
            case Frame.Alive(long calls) -> {
                at(rank, calls);
                yield true;
            }
            case Frame.GivesUp(String reason) -> {
                end("member %d gave up: %s".formatted(rank, reason));
                yield true;
            }
            case Frame.Waited(long call, String engine) -> {
                at(rank, call);
                start("panoptim-watch-blame", () -> blame(rank, call, engine));
                yield true;
            }
            case Frame.Left _ -> {
                leave(rank);
                yield false;
            }
            case Frame.Complete _, Frame.Ended _ -> true;
        };
    }

    private synchronized void at(int rank, long calls) {
        var member = members.get(rank);
        if (member != null) {
            member.calls = Math.max(member.calls, calls);
        }
    }

    /** Finds out for whom a member waited in vain. */
    private void blame(int rank, long call, String engine) {
        try {
            closing.await(DEATHS_FIRST_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            var behind =
                    IntStream.range(0, membership.size())
                            .filter(
                                    other ->
                                            !members.containsKey(other)
                                                    || members.get(other).calls < call)
                            .boxed()
                            .toList();
            end(
                    behind.isEmpty()
                            ? "member %d gave up: %s".formatted(rank, engine)
                            : "%s did not come within %s (member %d waited in call %d)"
                                    .formatted(
                                            behind.stream()
                                                    .map(each -> "member " + each)
                                                    .collect(Collectors.joining(", ")),
                                            membership.timeout(),
                                            rank,
                                            call));
        }
    }

    private synchronized void leave(int rank) {
        members.remove(rank);
        tellAll(new Frame.Left(rank));
    }

    private synchronized void lost(int rank, String reason) {
        // Those that nobody knows may go as they came.
        if (rank >= 0 && members.remove(rank) != null && closing.getCount() > 0) {
            end(reason);
        }
    }

    private synchronized void end(String reason) {
        if (end == null) {
            end = reason;
            tellAll(new Frame.Ended(reason));
        }
    }

    private void tellAll(Frame frame) {
        members.values().forEach(member -> member.tell(frame));
    }

    private void beat() {
        try {
            long until = System.nanoTime() + membership.timeout().toNanos();
            while (!closing.await(pulse.beat().toMillis(), TimeUnit.MILLISECONDS)) {
                synchronized (this) {
                    tellAll(new Frame.Alive(0));
                    if (came < membership.size() && System.nanoTime() > until) {
                        endIncomplete();
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void endIncomplete() {
        end(
                "%s did not come within %s"
                        .formatted(
                                IntStream.range(0, membership.size())
                                        .filter(rank -> !members.containsKey(rank))
                                        .mapToObj(rank -> "member " + rank)
                                        .collect(Collectors.joining(", ")),
                                membership.timeout()));
    }

    @Override
    public void close() {
        closing.countDown();
        synchronized (this) {
            tellAll(new Frame.Left(0));
            members.values().forEach(WatchServer::close);
        }
        try {
            listening.close();
        } catch (IOException e) {
            // It is of no use any more in any case.
        }
    }

    private static void close(Member member) {
        try {
            member.socket.close();
        } catch (IOException e) {
            // It is of no use any more in any case.
        }
    }
}
