package org.panoptim.distributed;

import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.shard.Transfer;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/** Lets every member of a team do something, each in a thread of its own. */
final class Members {

    /** What a member does. */
    @FunctionalInterface
    interface Work<T> {
        T of(Team member) throws Exception;
    }

    private Members() {}

    /** What each member found, or threw. */
    static <T> List<Object> results(List<Team> team, Work<T> work) throws Exception {
        var results = new ArrayList<Object>();
        try (var threads = Executors.newFixedThreadPool(team.size())) {
            var tasks = team.stream().<Callable<T>>map(member -> () -> work.of(member)).toList();
            for (var task : threads.invokeAll(tasks)) {
                try {
                    results.add(task.get());
                } catch (ExecutionException e) {
                    results.add(e.getCause());
                }
            }
        }
        return results;
    }

    static List<Team> team(int size) {
        return LocalTeam.of(size, Duration.ofSeconds(60));
    }

    /** A member of which somebody is told whenever it begins to hand over, and what it sends. */
    static Team observed(Team member, Consumer<List<List<MemorySegment>>> observer) {
        return new ForwardingTeam(member) {
            @Override
            protected Transfer begin(
                    Team over, List<List<MemorySegment>> sent, List<List<MemorySegment>> received) {
                observer.accept(sent);
                return super.begin(over, sent, received);
            }
        };
    }
}
