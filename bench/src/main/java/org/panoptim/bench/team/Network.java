package org.panoptim.bench.team;

import org.panoptim.bench.result.TeamSpeed;

import java.util.List;

/**
 * What connects members.
 *
 * @param name of the network
 * @param source where its figures are from
 * @param latency seconds of a call that sends nothing
 * @param message seconds that a member spends on each message
 * @param bandwidth bytes a second that a member sends, and receives at the same time
 * @param shared whether all members share one machine, so that what one does the others wait for
 */
public record Network(
        String name,
        String source,
        double latency,
        double message,
        double bandwidth,
        boolean shared) {

    private static final double GIGABIT = 1e9 / 8;

    /** This machine's loopback interface, as it was measured. */
    public static Network loopback(TeamSpeed speed) {
        return new Network(
                "loopback", "measured", speed.latency(), speed.message(), speed.bandwidth(), true);
    }

    /**
     * Networks of larger teams, by published figures. Their latency is added to that of a call
     * here, which is software's; a message costs what it costs here, where it has a processor to
     * itself.
     */
    public static List<Network> published(TeamSpeed speed) {
        double message = speed.message() * speed.processors();
        return List.of(
                new Network(
                        "100 Gbit/s Ethernet",
                        "half of the 92 to 100 µs that a round trip took between machines of EC2"
                                + " (scalablelogic, Enhanced Networking in the AWS Cloud, 2014)",
                        speed.latency() + 50e-6,
                        message,
                        100 * GIGABIT,
                        false),
                new Network(
                        "InfiniBand NDR, 400 Gbit/s",
                        "below 2 µs and 400 Gbit/s (Microsoft, HBv4-series VM sizes performance,"
                                + " 2023)",
                        speed.latency() + 2e-6,
                        message,
                        400 * GIGABIT,
                        false));
    }

    /** How many members go for the same. */
    double users(int members) {
        return shared ? members : 1;
    }
}
