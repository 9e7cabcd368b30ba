package org.panoptim.cli.train;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * A member of a team that trains together: all have the same net and see the same batches, of which
 * each differentiates its leaves. All members make the same calls.
 *
 * @param team who they are; stays the caller's
 * @param leaves into how many micro-batches each batch is cut, over all members, which divide it
 */
public record TeamMember(Team team, int leaves) {

    /**
     * A micro-batch.
     *
     * @param number among all of the batch, from 0 on
     * @param from the first of its examples in the batch
     * @param count of its examples; it may have none
     * @param weight of its mean loss: with it the mean over all leaves is that over all examples
     */
    public record Leaf(int number, long from, long count, double weight) {

        /** A whole batch, where there is no team. */
        public static Leaf ofWhole(long examples) {
            return new Leaf(0, 0, examples, 1);
        }

        /** Whether there is nothing to differentiate: its gradients are zeros. */
        public boolean isEmpty() {
            return count == 0;
        }

        /**
         * A mean loss of its examples as the leaf is to be differentiated.
         *
         * @param meanLoss a scalar
         */
        public Tensor weighted(Tensor meanLoss) {
            return weight == 1 ? meanLoss : meanLoss.mul(new Scalar(weight));
        }
    }

    /** Checks that there is a team. */
    public TeamMember {
        Objects.requireNonNull(team, "team");
    }

    /** Whether this is the member that tells of the training and keeps it. */
    public boolean isFirst() {
        return team.rank() == 0;
    }

    /** This member's part of a batch, in order; which leaves there are does not depend on it. */
    public List<Leaf> leavesOf(long examples) {
        int own = leaves / team.size();
        var found = new ArrayList<Leaf>();
        for (int leaf = team.rank() * own; found.size() < own; leaf++) {
            long from = examples * leaf / leaves;
            long count = examples * (leaf + 1) / leaves - from;
            found.add(new Leaf(leaf, from, count, (double) count * leaves / examples));
        }
        return found;
    }

    /**
     * Begins the engine's random numbers anew for a leaf, whose draws must not depend on which
     * member has it.
     *
     * @param seed of the training
     */
    public void seedEngine(long seed, long step, Leaf leaf) {
        long ofTraining = new SplittableRandom(seed).nextLong();
        torch.manual_seed(
                new SplittableRandom(ofTraining + step * leaves + leaf.number()).nextLong());
    }

    /**
     * What all members have, in their order.
     *
     * @param own as many on every member
     */
    public double[] all(double... own) {
        var bytes = ByteBuffer.allocate(own.length * Double.BYTES);
        bytes.asDoubleBuffer().put(own);
        return team.gather(bytes.array()).stream()
                .map(each -> ByteBuffer.wrap(each).asDoubleBuffer())
                .flatMapToDouble(each -> IntStream.range(0, own.length).mapToDouble(each::get))
                .toArray();
    }

    /**
     * Whether something is so for any member.
     *
     * @param here for this one
     */
    public boolean any(boolean here) {
        return team.gather(new byte[] {(byte) (here ? 1 : 0)}).stream()
                .anyMatch(each -> each[0] != 0);
    }

    /**
     * Numbers that the first member finds out for all.
     *
     * @param count how many
     * @param found asked on the first member alone
     */
    double[] ofFirst(int count, Supplier<double[]> found) {
        try (var arena = Arena.ofShared()) {
            var numbers = arena.allocate(ValueLayout.JAVA_DOUBLE, count);
            if (isFirst()) {
                numbers.copyFrom(MemorySegment.ofArray(found.get()));
            }
            var sizes = new long[team.size()];
            sizes[0] = numbers.byteSize();
            team.gather(numbers, sizes);
            return numbers.toArray(ValueLayout.JAVA_DOUBLE);
        }
    }

    /**
     * Compares something that all members should have alike.
     *
     * @param what it is, for the message
     * @param bytes of it
     * @throws TeamException if a member has something else than the first one; the message says
     *     which
     */
    public void requireAlike(String what, byte[] bytes) {
        var all = team.gather(digest(bytes));
        for (int member = 1; member < team.size(); member++) {
            if (!Arrays.equals(all.get(member), all.getFirst())) {
                throw new TeamException(
                        "member %d has other %s than member 0".formatted(member, what));
            }
        }
    }

    private static byte[] digest(byte[] bytes) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(bytes);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
