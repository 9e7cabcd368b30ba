package org.panoptim.shard;

import java.time.Duration;
import java.util.Objects;

/**
 * What a member of a team did in a step, and how long it took: bytes over all connections, and time
 * by phase.
 *
 * @param sentBytes to all other members
 * @param receivedBytes from all other members
 * @param exchange the wait for the others' gradients, and for their word that they are ready
 * @param sum adding gradients up, and putting small ones together
 * @param update measuring, deciding and updating this member's part
 * @param gather the wait for sums of the others, and bringing parameters to everybody
 */
public record TeamTraffic(
        long sentBytes,
        long receivedBytes,
        Duration exchange,
        Duration sum,
        Duration update,
        Duration gather) {

    /** Checks the components. */
    public TeamTraffic {
        Objects.requireNonNull(exchange, "exchange");
        Objects.requireNonNull(sum, "sum");
        Objects.requireNonNull(update, "update");
        Objects.requireNonNull(gather, "gather");
    }
}
