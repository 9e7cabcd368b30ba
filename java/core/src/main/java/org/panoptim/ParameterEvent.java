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
        "What a step of an optimizer with statistics did to a parameter; on a device, recording it"
                + " waits for the step's end")
@Category("Panoptim")
@Enabled(false)
@StackTrace(false)
final class ParameterEvent extends Event {

    @Label("Step")
    @Description("Accepted steps, this one included")
    long step;

    @Label("Group")
    String group = "";

    @Label("Parameter")
    String parameter = "";

    @Label("Learning Rate")
    double learningRate;

    @Label("Gradient Norm")
    @Description("NaN if there was none")
    double gradientNorm;

    @Label("Value Norm")
    @Description("NaN if it was not updated")
    double valueNorm;

    @Label("Update Norm")
    @Description("NaN if it was not updated")
    double updateNorm;

    @Label("Held Share")
    @Description("The share of elements that were held by a bound; NaN if it was not updated")
    double heldShare;

    @Label("Numbers")
    @Description("What rule and companions keep of it, as name=value")
    String numbers = "";
}
