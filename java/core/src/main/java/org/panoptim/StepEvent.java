package org.panoptim;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A step of an optimizer, for Flight Recorder; off unless a recording asks for it. */
@Name("org.panoptim.Step")
@Label("Optimizer Step")
@Description("One step of an optimizer; on a device, recording it waits for the step's end")
@Category("Panoptim")
@Enabled(false)
@StackTrace(false)
final class StepEvent extends Event {

    @Label("Backend")
    String backend = "";

    @Label("Step")
    @Description("Accepted steps, this one included")
    long step;

    @Label("Accepted")
    boolean accepted;

    @Label("Gradient Measured")
    @Description("Whether there is a gradient norm, which may be NaN itself")
    boolean gradientMeasured;

    @Label("Gradient Norm")
    @Description("Unscaled, before clipping; NaN if it was not measured")
    double gradientNorm;

    @Label("Update Measured")
    @Description("Whether there is an update norm, which may be NaN itself")
    boolean updateMeasured;

    @Label("Update Norm")
    @Description("Of the rules' updates; NaN without statistics, or if the step was refused")
    double updateNorm;

    @Label("Clip Coefficient")
    double clipCoefficient;

    @Label("Loss Scale")
    double lossScale;
}
