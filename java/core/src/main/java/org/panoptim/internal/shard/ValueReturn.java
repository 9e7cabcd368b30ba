package org.panoptim.internal.shard;

import org.panoptim.shard.Team;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Brings arrays that their owners have written to everybody, as they are. */
final class ValueReturn implements AutoCloseable {

    private final Arena arena = Arena.ofShared();
    private final Team team;
    private MemorySegment buffer = MemorySegment.NULL;

    ValueReturn(Team team) {
        this.team = team;
    }

    /**
     * Copies every owner's elements to everybody.
     *
     * @param stretches what each member owns, in the order of the members
     */
    void run(List<List<Stretch>> stretches) {
        var messages = stretches.stream().map(Message::of).toList();
        long copied = messages.stream().mapToLong(Message::copiedBytes).sum();
        if (copied > buffer.byteSize()) {
            buffer = arena.allocate(copied, 64);
        }
        var places = new ArrayList<List<MemorySegment>>();
        long at = 0;
        for (var found : messages) {
            places.add(Message.places(found, buffer.asSlice(at)));
            at += Message.copiedBytes(found);
        }
        var own = places.get(team.rank());
        for (int i = 0; i < own.size(); i++) {
            messages.get(team.rank()).get(i).copyTo(own.get(i));
        }
        var sent = new ArrayList<List<MemorySegment>>();
        var received = new ArrayList<List<MemorySegment>>();
        for (int member = 0; member < team.size(); member++) {
            boolean other = member != team.rank();
            sent.add(other ? own : List.of());
            received.add(other ? places.get(member) : List.of());
        }
        team.exchange(sent, received);
        for (int member = 0; member < team.size(); member++) {
            for (int i = 0; member != team.rank() && i < places.get(member).size(); i++) {
                messages.get(member).get(i).copyFrom(places.get(member).get(i));
            }
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
