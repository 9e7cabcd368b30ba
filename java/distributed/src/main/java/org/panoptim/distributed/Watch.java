package org.panoptim.distributed;

import org.jspecify.annotations.Nullable;
import org.panoptim.shard.TeamException;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
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
    private final CompletableFuture<Void> complete = new CompletableFuture<>();
    private final CountDownLatch closing = new CountDownLatch(1);
    private volatile String left = "";
    private volatile long calls;

    private Watch(@Nullable WatchServer server, Socket connection) throws IOException {
        this.server = server;
        this.connection = connection;
        out = new DataOutputStream(new BufferedOutputStream(connection.getOutputStream()));
    }

    /**
     * Joins, and waits until all have.
     *
     * @throws TeamException if some do not come in time
     */
    static Watch join(Membership membership, Rendezvous store) throws IOException {
        var pulse = Pulse.of(membership.timeout());
        var server = membership.rank() == 0 ? WatchServer.open(membership, pulse) : null;
        if (server != null) {
            store.put("watch", server.port() + " " + server.password());
        }
        var place = store.get("watch").split(" ");
        var connection =
                connect(membership.host(), Integer.parseInt(place[0]), membership.timeout());
        connection.setSoTimeout(Math.toIntExact(pulse.silence().multipliedBy(2).toMillis()));
        var watch = new Watch(server, connection);
        watch.out.writeLong(Long.parseLong(place[1]));
        watch.out.writeInt(membership.rank());
        watch.out.flush();
        Thread.ofPlatform().daemon().name("panoptim-watch").start(watch::hear);
        Thread.ofPlatform().daemon().name("panoptim-pulse").start(() -> watch.beat(pulse));
        watch.awaitAll(membership);
        return watch;
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

    /** The address of the network interface by which members reach this one. */
    String address() {
        return (server == null ? connection.getLocalAddress() : server.address()).getHostAddress();
    }

    private void hear() {
        try (var in = new DataInputStream(connection.getInputStream())) {
            while (true) {
                switch (Frame.read(in)) {
                    case Frame.Complete() -> complete.complete(null);
                    case Frame.Ended(String reason) -> end(reason);
                    case Frame.Left(int member) -> {
                        left = "member %d has left".formatted(member);
                        if (member == 0) {
                            return;
                        }
                    }
                    case Frame.Alive _, Frame.GivesUp _, Frame.Waited _ -> {}
                }
            }
        } catch (SocketTimeoutException e) {
            end("member 0 has not been heard of for " + soTimeout());
        } catch (IOException e) {
            if (closing.getCount() > 0) {
                end("member 0 is gone");
            }
        }
    }

    private String soTimeout() {
        try {
            return Duration.ofMillis(connection.getSoTimeout()).toString();
        } catch (IOException e) {
            return "long";
        }
    }

    private void end(String reason) {
        end.complete(reason);
        complete.completeExceptionally(new IOException(reason));
    }

    private void beat(Pulse pulse) {
        try {
            do {
                say(new Frame.Alive(calls));
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

    /** Takes down which call this member is at. */
    void entered(long call) {
        calls = call;
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
        try {
            end.get(1, TimeUnit.SECONDS);
        } catch (TimeoutException | ExecutionException e) {
            end("member gave up: " + reason);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Why the team has ended; ends it if it has not.
     *
     * @param call of this member that failed
     * @param engine what the engine says
     * @param patience how long the word of the first member may take
     */
    String reason(long call, String engine, Duration patience) {
        if (!end.isDone()) {
            say(new Frame.Waited(call, engine));
            try {
                end.get(patience.toNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException | ExecutionException e) {
                end(left.isEmpty() ? engine : left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                end(engine);
            }
        }
        return end.join();
    }

    @Override
    public void close() {
        closing.countDown();
        say(new Frame.Left(-1));
        try {
            connection.close();
        } catch (IOException e) {
            // It is of no use any more in any case.
        }
        if (server != null) {
            server.close();
        }
    }
}
