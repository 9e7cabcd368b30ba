package org.panoptim.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.Random;

/** What the first member's watch says to those who connect, members or not. */
class WatchServerTest {

    private static final Pulse PULSE = new Pulse(Duration.ofMillis(50), Duration.ofSeconds(2));

    private static WatchServer open(int size) throws IOException {
        return WatchServer.open(
                Membership.of("127.0.0.1", 1, 0, size).withTimeout(Duration.ofSeconds(60)), PULSE);
    }

    /** Whoever is at the other end of a connection. */
    private static final class Caller implements AutoCloseable {

        private final Socket socket;
        private final DataInputStream in;
        private final DataOutputStream out;

        Caller(WatchServer server) throws IOException {
            socket = new Socket(InetAddress.getLoopbackAddress(), server.port());
            socket.setSoTimeout(20_000);
            in = new DataInputStream(socket.getInputStream());
            out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
        }

        Caller say(Frame frame) throws IOException {
            frame.write(out);
            return this;
        }

        /** What is said next, but that it is alive. */
        Frame next() throws IOException {
            while (true) {
                var frame = Frame.read(in);
                if (!(frame instanceof Frame.Alive)) {
                    return frame;
                }
            }
        }

        void requireEnd() {
            assertThatThrownBy(this::next).isInstanceOf(EOFException.class);
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    private static Caller member(WatchServer server, int rank) throws IOException {
        return new Caller(server).say(new Frame.Hello(server.password(), rank, 2));
    }

    private static final Frame COMPLETE = new Frame.Complete("127.0.0.1");

    @Test
    void whateverElseConnectsIsSentAwayAndDoesNoHarm() throws Exception {
        try (var server = open(2)) {
            try (var mute = new Caller(server);
                    var browser = new Caller(server);
                    var guesser = new Caller(server);
                    var noise = new Caller(server);
                    var hasty = new Caller(server)) {
                browser.out.writeBytes("GET / HTTP/1.1\r\nHost: first\r\n\r\n");
                browser.out.flush();
                guesser.say(new Frame.Hello(server.password() + 1, 1, 2));
                hasty.say(new Frame.GivesUp("an attack"));
                var bytes = new byte[64];
                new Random(1).nextBytes(bytes);
                bytes[0] = 0;
                noise.out.write(bytes);
                noise.out.flush();
                guesser.requireEnd();
                // Nothing is said to who says nothing, and it is not waited for.
                mute.requireEnd();
            }
            try (var first = member(server, 0);
                    var second = member(server, 1)) {
                assertThat(second.next()).isEqualTo(COMPLETE);
                assertThat(first.next()).isEqualTo(COMPLETE);
                first.say(new Frame.GivesUp("enough"));
                assertThat(second.next()).isEqualTo(new Frame.Ended("member 0 gave up: enough"));
            }
        }
    }

    @Test
    void aMemberThatSaysNonsenseIsGone() throws Exception {
        try (var server = open(2);
                var first = member(server, 0);
                var second = member(server, 1)) {
            assertThat(first.next()).isEqualTo(COMPLETE);
            second.out.writeByte(99);
            second.out.flush();

            assertThat(first.next()).isEqualTo(new Frame.Ended("member 1 is gone"));
        }
    }

    @Test
    void whoHasHungUpOnAnotherIsNotBlamedForWhoCameTooLate() throws Exception {
        try (var server = open(2);
                var first = member(server, 0);
                var second = member(server, 1)) {
            first.next();
            second.next();
            first.say(new Frame.Waited(7, false, "the other has hung up"));
            second.say(new Frame.Waited(8, true, "time is over"));
            assertThat(first.next()).isEqualTo(new Frame.Asked());
            first.say(new Frame.Alive(7));

            assertThat(first.next())
                    .isEqualTo(
                            new Frame.Ended(
                                    "member 0 did not come within PT1M (member 1 waited in call"
                                            + " 8)"));
        }
    }

    @Test
    void whoIsAskedMayHaveCome() throws Exception {
        try (var server = open(2);
                var first = member(server, 0);
                var second = member(server, 1)) {
            first.next();
            second.next();
            second.say(new Frame.Waited(8, true, "receiving from member 0: time is over"));
            assertThat(first.next()).isEqualTo(new Frame.Asked());
            // It is there, but its bytes are not.
            first.say(new Frame.Alive(8));

            assertThat(first.next())
                    .isEqualTo(
                            new Frame.Ended(
                                    "member 1 gave up: receiving from member 0: time is over"));
        }
    }

    @Test
    void onlyTheFirstReasonIsTold() throws Exception {
        try (var server = open(2);
                var first = member(server, 0)) {
            try (var second = member(server, 1)) {
                first.next();
                second.say(new Frame.GivesUp("one"));
                assertThat(first.next()).isEqualTo(new Frame.Ended("member 1 gave up: one"));
                second.say(new Frame.GivesUp("two"));
            }
            first.say(new Frame.Left(0));
            first.requireEnd();
        }
    }

    @Test
    void thatTheFirstLeavesIsTheLastThatIsHeard() throws Exception {
        try (var server = open(2);
                var second = member(server, 1)) {
            assertThat(Frame.read(second.in)).isEqualTo(new Frame.Alive(0));
            Thread.ofVirtual().start(server::close);
            assertThat(second.next()).isEqualTo(new Frame.Left(0));
            second.requireEnd();
        }
    }
}
