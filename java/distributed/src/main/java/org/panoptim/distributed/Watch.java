package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.TeamException;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a member knows of the others: who is gone, silent, has given up or left, and why the team
 * has ended. It is heard from the {@link WatchServer} of the first member, over a connection that
 * every member keeps.
 */
final class Watch implements AutoCloseable {

    private final @Nullable WatchServer server;
    private final Socket connection;
    private final DataOutputStream out;
    private final CompletableFuture<String> end = new CompletableFuture<>();
    private final CompletableFuture<String> complete = new CompletableFuture<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private final Thread hearing =
            Thread.ofPlatform().daemon().name("panoptim-watch").unstarted(this::hear);
    private final int rank;
    private final Pulse pulse;

    /** The first member has left as it should, and there is nobody to hear from any more. */
    private volatile boolean alone;

    private final Calls calls;

    private Watch(
            int rank, Pulse pulse, Calls calls, @Nullable WatchServer server, Socket connection)
            throws IOException {
        this.rank = rank;
        this.calls = calls;
        this.pulse = pulse;
        this.server = server;
        this.connection = connection;
        out = new DataOutputStream(new BufferedOutputStream(connection.getOutputStream()));
    }

    /**
     * Joins, and waits until all have.
     *
     * @param calls of this member, of which it tells the others
     * @throws TeamException if some do not come in time
     */
    static Watch join(Membership membership, Rendezvous store, Calls calls) throws IOException {
        var pulse = Pulse.of(membership.timeout());
        var server = membership.rank() == 0 ? WatchServer.open(membership, pulse) : null;
        if (server != null) {
            store.put(
                    "watch",
                    "%d %d %s"
                            .formatted(
                                    server.port(),
                                    server.password(),
                                    String.join(" ", hosts(membership))));
        }
        try {
            var place = store.get("watch").split(" ");
            var hosts = List.of(place).subList(2, place.length);
            var connection = connect(hosts, Integer.parseInt(place[0]), membership.timeout());
            connection.setSoTimeout(Math.toIntExact(pulse.silence().toMillis()));
            var watch = new Watch(membership.rank(), pulse, calls, server, connection);
            watch.say(
                    new Frame.Hello(
                            Long.parseLong(place[1]), membership.rank(), membership.size()));
            watch.hearing.start();
            Thread.ofPlatform().daemon().name("panoptim-pulse").start(watch::beat);
            watch.awaitAll(membership);
            return watch;
        } catch (IOException | RuntimeException | Error e) {
            if (server != null) {
                server.close();
            }
            throw e;
        }
    }

    /** Where the first member is reached: perhaps not where torchrun's agent keeps the store. */
    private static List<String> hosts(Membership membership) throws IOException {
        var hosts = new ArrayList<>(List.of(membership.host()));
        if (membership.stored()) {
            NetworkInterface.networkInterfaces()
                    .flatMap(NetworkInterface::inetAddresses)
                    .filter(each -> !each.isLoopbackAddress() && !each.isLinkLocalAddress())
                    .forEach(each -> hosts.add(each.getHostAddress()));
        }
        return hosts;
    }

    private static Socket connect(List<String> hosts, int port, Duration timeout)
            throws IOException {
        var failed =
                new IOException("member 0 is not reached at port %d of %s".formatted(port, hosts));
        for (var host : hosts) {
            try {
                return connect(host, port, timeout.dividedBy(hosts.size()));
            } catch (IOException e) {
                failed.addSuppressed(e);
            }
        }
        throw failed;
    }

    private static Socket connect(String host, int port, Duration timeout) throws IOException {
        var socket = new Socket();
        try {
            socket.connect(
                    new InetSocketAddress(host, port),
                    (int) Math.min(Integer.MAX_VALUE, timeout.toMillis()));
            socket.setTcpNoDelay(true);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private void awaitAll(Membership membership) throws IOException {
        try {
            // The server tells who is missing when the time is over.
            complete.get(membership.timeout().toMillis() + 2000, TimeUnit.MILLISECONDS);
        } catch (TimeoutException | ExecutionException | InterruptedException e) {
            if (e instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            var reason = end.getNow("the first member does not answer");
            close();
            throw new TeamException("%s could not join: %s".formatted(membership, reason), e);
        }
    }

    /**
     * The address of the network interface by which members reach this one. Who reached the first
     * over a loopback, as the first itself does, is on its machine, and the others may not be.
     */
    String address() {
        var own = connection.getLocalAddress();
        return server != null || own.isLoopbackAddress() ? complete.join() : own.getHostAddress();
    }

    private void hear() {
        try (var in = new DataInputStream(connection.getInputStream())) {
            while (!alone) {
                switch (Frame.read(in)) {
                    case Frame.Complete(String address) -> complete.complete(address);
                    case Frame.Ended(String reason) -> end(reason);
                    case Frame.Asked() -> say(new Frame.Alive(calls.begun()));
                    case Frame.Left(int member) -> alone = member == 0;
                    case Frame.Hello _,
                            Frame.Alive _,
                            Frame.GivesUp _,
                            Frame.Waited _,
                            Frame.Waits _ -> {}
                }
            }
            complete.completeExceptionally(new IOException("member 0 has left"));
        } catch (SocketTimeoutException e) {
            end("member 0 has not been heard of for " + pulse.silence());
        } catch (IOException e) {
            if (closing.getCount() > 0) {
                end("member 0 is gone");
            }
        }
    }

    /** Why the team has ended, if it has. */
    Optional<String> end() {
        return end.isDone() ? Optional.of(end.join()) : Optional.empty();
    }

    private void end(String reason) {
        end.complete(reason);
        complete.completeExceptionally(new IOException(reason));
    }

    private void beat() {
        try {
            do {
                say(new Frame.Alive(calls.begun()));
                calls.waiting(pulse.beat()).forEach(this::say);
            } while (!closing.await(pulse.beat().toMillis(), TimeUnit.MILLISECONDS));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void say(Frame frame) {
        try {
            frame.write(out);
        } catch (IOException e) {
            // Whoever hears nothing more sees the connection end.
        }
    }

    /** Has something done as soon as the team ends. */
    void onEnd(Runnable action) {
        end.thenRun(action);
    }

    /**
     * Looks whether the team goes on.
     *
     * @throws TeamException if it has ended
     */
    void requireOpen() {
        if (end.isDone()) {
            throw new TeamException(end.join());
        }
    }

    /** Ends the team for all: this member gives up. */
    void giveUp(String reason) {
        say(new Frame.GivesUp(reason));
        awaitEnd(Duration.ofSeconds(1), "member %d gave up: %s".formatted(rank, reason));
    }

    /**
     * Why the team has ended; ends it if it has not.
     *
     * @param timedOut whether this member's call waited as long as it should
     * @param engine what the engine says of the call
     */
    String reason(boolean timedOut, String engine) {
        if (alone) {
            end(
                    "member 0 left before the others: %s (then: %s)"
                            .formatted(WatchServer.WITHOUT_REASON, engine));
        } else if (!end.isDone()) {
            say(new Frame.Waited(calls.begun(), timedOut, engine));
            // If the first member says nothing, that is the reason.
            awaitEnd(pulse.silence().plusSeconds(1), engine);
        }
        return end.join();
    }

    private void awaitEnd(Duration patience, String otherwise) {
        try {
            end.get(patience.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException | ExecutionException e) {
            end(otherwise);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            end(otherwise);
        }
    }

    @Override
    public void close() {
        closing.countDown();
        if (server == null) {
            say(new Frame.Left(rank));
        } else {
            server.close();
        }
        try {
            // What was said last is heard before the connection ends: the other side hangs up.
            connection.shutdownOutput();
            hearing.join(Duration.ofSeconds(1));
            connection.close();
        } catch (IOException e) {
            // It is of no use any more in any case.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
