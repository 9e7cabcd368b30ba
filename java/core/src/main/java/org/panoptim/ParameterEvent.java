package org.panoptim;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What a step did to a parameter, for Flight Recorder; off unless a recording asks for it. */
@Name("org.panoptim.Parameter")
@Label("Parameter Step")
@Description(
        "What a step that took statistics did to a parameter, or a refused attempt found of it; on"
                + " a device, recording it waits for the step's end")
@Category("Panoptim")
@Enabled(false)
@StackTrace(false)
final class ParameterEvent extends Event {

    @Label("Step")
    @Description("Accepted steps, this one included if it is accepted")
    long step;

    @Label("Group")
    String group = "";

    @Label("Parameter")
    String parameter = "";

    @Label("Learning Rate")
    double learningRate;

    @Label("Has Gradient")
    @Description("Whether it had a gradient, whose norm may be NaN itself, and was not frozen")
    boolean hasGradient;

    @Label("Gradient Norm")
    @Description("Unscaled, before clipping; NaN if there was none")
    double gradientNorm;

    @Label("Updated")
    @Description("Whether it was updated; not if the step was refused")
    boolean updated;

    @Label("Value Norm")
    @Description("Of the rule's new values; NaN if it was not updated, or is updated cautiously")
    double valueNorm;

    @Label("Update Norm")
    @Description("Of the rule's own update, in float32; NaN if it was not updated")
    double updateNorm;

    @Label("Held Share")
    @Description("The share of elements that were held by a bound; NaN if it was not updated")
    double heldShare;

    @Label("Numbers")
    @Description("What rule and companions tell of it, as name=value, where it is known")
    String numbers = "";
}
