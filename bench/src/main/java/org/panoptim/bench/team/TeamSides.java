package org.panoptim.bench.team;

import com.google.gson.Gson;

import org.panoptim.bench.PeerLibraries;
import org.panoptim.bench.PythonPeer;
import org.panoptim.bench.Workload;
import org.panoptim.tensor.Shape;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/** Starts the two sides of a comparison: processes of Panoptim, and of PyTorch in Python. */
final class TeamSides {

    /** What processes are told of this one's properties. */
    private static final List<String> PASSED_ON =
            List.of("panoptim.library", "panoptim.cache", "java.io.tmpdir");

    private TeamSides() {}

    /** PyTorch's libraries, with Gloo among them: those of the peer that needs them as well. */
    private static Path libraries() {
        return PeerLibraries.folder().resolve(Path.of("bytedeco", "target", "lib"));
    }

    /** Why no team of Panoptim can be started; empty if one can. */
    static Optional<String> refusal() {
        return Files.isDirectory(libraries())
                ? Optional.empty()
                : Optional.of(libraries() + " is not there, which has PyTorch's libraries");
    }

    /** Processors for each member, one at least. */
    static int threads(int members) {
        return Math.max(1, Runtime.getRuntime().availableProcessors() / members);
    }

    /**
     * A team of Panoptim that has joined.
     *
     * @param java the launcher and its options
     * @throws IllegalStateException if a member fails
     */
    static TeamProcesses panoptim(
            List<String> java, Workload workload, int members, String backend) {
        int port = freePort();
        var commands =
                IntStream.range(0, members)
                        .mapToObj(rank -> member(java, workload, members, rank, port, backend))
                        .toList();
        return joined(new TeamProcesses("Panoptim", commands));
    }

    private static ProcessBuilder member(
            List<String> java, Workload workload, int members, int rank, int port, String backend) {
        var command = new ArrayList<>(java);
        for (var name : PASSED_ON) {
            if (System.getProperty(name) != null) {
                command.add("-D" + name + "=" + System.getProperty(name));
            }
        }
        // Threads of the backend as well as of the virtual machine.
        command.add("-XX:ActiveProcessorCount=" + threads(members));
        command.add("-XX:+UseSerialGC");
        command.add("-cp");
        command.add(
                System.getProperty("java.class.path")
                        + File.pathSeparator
                        + libraries().resolve("*"));
        command.add(TeamMember.class.getName());
        command.add(Integer.toString(rank));
        command.add(Integer.toString(members));
        command.add(Integer.toString(port));
        command.add(workload.name());
        command.add(backend);
        return new ProcessBuilder(command);
    }

    /**
     * A team of PyTorch that has joined; its greeting is PyTorch's version.
     *
     * @throws IllegalStateException if a member fails, with its last line, as where there is no
     *     PyTorch
     */
    static TeamProcesses torch(Workload workload, int members) {
        int port = freePort();
        var commands =
                IntStream.range(0, members).mapToObj(rank -> torch(members, rank, port)).toList();
        var processes = new TeamProcesses(PythonPeer.interpreter(), commands);
        processes.tell(
                new Gson().toJson(workload.shapes().stream().map(Shape::dimensions).toList()));
        return joined(processes);
    }

    private static ProcessBuilder torch(int members, int rank, int port) {
        var builder =
                new ProcessBuilder(
                        PythonPeer.interpreter(),
                        PythonPeer.script("torch_ddp.py").toString(),
                        "--rank",
                        Integer.toString(rank),
                        "--world",
                        Integer.toString(members),
                        "--port",
                        Integer.toString(port),
                        "--threads",
                        Integer.toString(threads(members)));
        builder.environment().put("OMP_NUM_THREADS", Integer.toString(threads(members)));
        return builder;
    }

    private static TeamProcesses joined(TeamProcesses processes) {
        try {
            processes.awaitAll();
            return processes;
        } catch (RuntimeException e) {
            processes.close();
            throw e;
        }
    }

    private static int freePort() {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
