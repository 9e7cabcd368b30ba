package org.panoptim.internal.shard;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Timespan;

import org.panoptim.shard.TeamTraffic;

/** A member's part of a step of a team, for Flight Recorder; off unless a recording asks for it. */
@Name("org.panoptim.TeamStep")
@Label("Step of a Team")
@Description("What a member of a team did in a step, and how long each phase took")
@Category("Panoptim")
@Enabled(false)
@StackTrace(false)
final class TeamStepEvent extends Event {

    /** Loaded only once Flight Recorder runs: an event's class starts it, which takes long. */
    private static final class Type {
        static final EventType TYPE = EventType.getEventType(TeamStepEvent.class);
    }

    @Label("Member")
    int member;

    @Label("Members")
    int members;

    @Label("Sent")
    @DataAmount
    long sent;

    @Label("Received")
    @DataAmount
    long received;

    @Label("Exchange")
    @Description("The wait for the others' gradients")
    @Timespan
    long exchange;

    @Label("Sum")
    @Description("Adding gradients up")
    @Timespan
    long sum;

    @Label("Update")
    @Timespan
    long update;

    @Label("Gather")
    @Description("The wait for sums of the others, and bringing parameters to everybody")
    @Timespan
    long gather;

    /** Records a step, if a recording asks for it. */
    static void record(int member, int members, TeamTraffic traffic) {
        if (FlightRecorder.isInitialized() && Type.TYPE.isEnabled()) {
            var event = new TeamStepEvent();
            event.member = member;
            event.members = members;
            event.sent = traffic.sentBytes();
            event.received = traffic.receivedBytes();
            event.exchange = traffic.exchange().toNanos();
            event.sum = traffic.sum().toNanos();
            event.update = traffic.update().toNanos();
            event.gather = traffic.gather().toNanos();
            event.commit();
        }
    }
}
