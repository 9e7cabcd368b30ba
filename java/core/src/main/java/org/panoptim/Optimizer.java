package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.checkpoint.LoadOption;
import org.panoptim.internal.Arguments;
import org.panoptim.internal.checkpoint.Checkpoint;
import org.panoptim.internal.shard.Sharding;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Pass;
import org.panoptim.rule.UpdateRule;
import org.panoptim.schedule.Schedule;
import org.panoptim.shard.Team;
import org.panoptim.shard.TeamException;
import org.panoptim.spi.Cleanup;
import org.panoptim.spi.CurvatureTransform;
import org.panoptim.spi.Execution;
import org.panoptim.spi.GradientTransform;
import org.panoptim.spi.Lent;
import org.panoptim.spi.PartialChangeException;
import org.panoptim.spi.Shares;
import org.panoptim.spi.StepPlan;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.step.Averaging;
import org.panoptim.step.BackwardPass;
import org.panoptim.step.CapturedStep;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.step.NonFiniteGradientException;
import org.panoptim.step.NonFinitePolicy;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.ToIntFunction;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Updates parameters from their gradients: one call a step, one pass over memory, for all groups.
 *
 * <p>The optimizer keeps the rules' states; parameters and gradients stay the caller's. Close the
 * optimizer before the memory it works on and before a backend that was handed to it. It belongs to
 * one thread at a time, and throws {@link IllegalStateException} when two call it at once or when
 * it is closed.
 *
 * <p>A step is a transaction: it is taken whole, or (a non-finite gradient under {@link
 * NonFinitePolicy#SKIP} or {@code FAIL}, or bad use) no byte of parameters, states and counts
 * changes. So are {@link #load} and changes of groups. Where something fails that cannot be taken
 * back (a device's launch in the middle of a step, a rule of one's own that throws), the call
 * throws {@link UnusableOptimizerException}, and so does every later one but {@link #close}.
 *
 * <p>Parameters and states have the same bits after a step on every backend, all NaNs counted as
 * one value (see {@linkplain org.panoptim the package}); but for {@linkplain
 * org.panoptim.rule.MatrixRule rules on matrices}, which agree within bounds of rounding.
 */
public final class Optimizer implements AutoCloseable {

    private final Ownership ownership = new Ownership();
    private final Backend backend;
    private final boolean ownsBackend;
    private final Execution execution;
    private final Companions companions;

    /** The execution and those of the companions. */
    private final List<Execution> executions;

    private StepPlan plan;

    /** The plan of the last step, which reports are of. */
    private StepPlan stepped;

    private Passes passes;
    private final StepWarnings warnings = new StepWarnings();
    private StepPasses stepPasses;
    private final Optional<Sharding> sharding;

    private StepInputs inputs;

    private Optimizer(
            Backend backend,
            boolean ownsBackend,
            StepPlan described,
            List<UpdateRule> companionRules,
            Optional<Sharding> sharding) {
        this.sharding = sharding;
        PlanChecks.check(described);
        Companions.check(described, companionRules);
        this.passes = new Passes(described.groups(), companionRules);
        PlanChecks.checkTransformsStates(described);
        var plan =
                described.withTransform(
                        described
                                .transform()
                                .map(transform -> GuardedTransform.of(transform, this::inputs)));
        this.backend = backend;
        this.ownsBackend = ownsBackend;
        this.plan = plan;
        this.inputs = new StepInputs(plan);
        inputs.checkBeginnings(plan.groups());
        companionRules.forEach(rule -> inputs.checkBeginnings(plan.accompanying(rule).groups()));
        var opened = Companions.open(backend, plan, companionRules);
        try {
            this.plan = plan.withLent(opened.lent());
            this.stepped = this.plan;
            // Curvature that a team has shared out is of no use to anybody else.
            sharding.ifPresent(each -> each.agree(this.plan, companionRules, backend.name()));
            this.execution = PlanLifecycle.open(backend, this.plan);
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, opened::close);
            throw e;
        }
        this.companions = opened;
        this.stepPasses = new StepPasses(plan, execution, passes, companions);
        this.executions =
                Stream.concat(Stream.of(execution), companions.executions().stream()).toList();
        try {
            sharding.ifPresent(each -> execution.shareTransfer().ifPresent(each::moveBy));
        } catch (RuntimeException | Error e) {
            Cleanup.after(e, () -> PlanLifecycle.close(this.plan, execution, companions, () -> {}));
            throw e;
        }
    }

    private StepInputs inputs() {
        return inputs;
    }

    /**
     * Begins an optimizer.
     *
     * @param rule the rule of every group that does not bring one of its own
     */
    public static <R extends UpdateRule> Builder<R> builder(R rule) {
        return new Builder<>(rule);
    }

    /**
     * An optimizer with one group, {@code all}, on the best backend.
     *
     * @param rule with the learning rate
     * @param parameters all that it steps
     * @throws IllegalArgumentException as {@link Builder#build} does
     */
    public static Optimizer of(UpdateRule rule, List<Parameter> parameters) {
        Objects.requireNonNull(parameters, "parameters");
        return builder(rule).group("all", parameters).build();
    }

    /**
     * Takes a step with the gradients that the parameters hold. A parameter without one is left
     * alone, and its count stands still. {@linkplain Pass.Timing Passes} of rules and companions
     * that go with every step are run before and after it; what those before it write into
     * gradients stays there, whether or not the step is accepted.
     *
     * <p>A step in which no parameter has a gradient, and a thousand of a rule that takes curvature
     * without any, are no errors; the logger {@code org.panoptim} warns of them, once for each
     * optimizer.
     *
     * <p>On a device the work goes on after the return.
     *
     * @throws NonFiniteGradientException under {@link NonFinitePolicy#FAIL}; nothing is changed but
     *     gradients that are to be zeroed
     * @throws IllegalStateException if an arena is closed, a gradient to be zeroed is read-only,
     *     curvature was handed to a rule that takes none, the framework that a parameter belongs to
     *     has moved it, a transform replaces a gradient, the schedule answers with nonsense, a pass
     *     is open ({@link Pass#closing}), or members of a team have gradients or curvature of other
     *     parameters or miss leaves; nothing is changed, and curvature stays handed in for the next
     *     call
     * @throws TeamException if another member of a team failed, is gone or did not answer in time
     *     before all had what the decision needs; nothing is changed but gradients
     */
    public void step() {
        ownership.enter();
        try {
            // What a framework captures is its user's to put in order.
            if (passes.isOpen() && !execution.isCapturing()) {
                passes.requireNoneOpen("a step cannot be taken");
            }
            takeForStep();
            if (exchangesCurvature()) {
                // Means lie elsewhere than what was handed in.
                takeForStep();
            }
            warnings.look(plan, inputs);
            // What a framework captures is not a step yet.
            if (StepRecording.isOn() && !execution.isCapturing()) {
                StepRecording.step(execution, stepPasses.first(), backend.name());
            } else {
                execution.step(stepPasses.first());
            }
            stepped = plan;
            stepPasses.runAfter();
            giveBack("a step");
            zeroCompleted();
            inputs.clearCurvature();
            inputs.sources().stepped(plan, execution);
            stepPasses.tell(inputs.sources());
            recordParameters();
        } catch (NonFiniteGradientException e) {
            // The host and a team tell of this attempt, a device alone of an earlier one.
            boolean ofThis = execution.deviceStep().isEmpty() || sharding.isPresent();
            if (ofThis) {
                stepped = plan;
                inputs.clearCurvature();
            }
            zeroCompleted();
            inputs.sources().refused(plan);
            if (ofThis) {
                recordParameters();
            }
            throw e;
        } catch (PartialChangeException e) {
            throw failed(e);
        } catch (RuntimeException | Error e) {
            giveUp(e);
            throw e;
        } finally {
            sharding.ifPresent(Sharding::endStep);
            ownership.exit();
        }
    }

    /** Lets nobody in any more, here and on the other members of a team. */
    private UnusableOptimizerException failed(PartialChangeException e) {
        giveUp(e);
        return ownership.fail(sharding.isPresent() ? sharding.get().named(e) : e);
    }

    /** Tells the other members of a team, if there is one, that this one cannot go on. */
    private void giveUp(Throwable thrown) {
        if (sharding.isPresent()) {
            sharding.get().giveUp(thrown);
        }
    }

    private OptionalInt leaves() {
        return sharding.map(each -> OptionalInt.of(each.leaves())).orElse(OptionalInt.empty());
    }

    /**
     * Brings gradients and curvature to the members of a team that own their part, if there is one.
     *
     * @return whether parameters have the means of curvature now
     */
    private boolean exchangesCurvature() {
        return sharding.isPresent() && sharding.get().exchangeForStep(plan, coming());
    }

    /** The number of the coming step. */
    private long coming() {
        return execution.observed().counters().step() + 1;
    }

    /** Brings what this member of a team has written to the others, and theirs here. */
    private void giveBack(String what) {
        if (sharding.isPresent()) {
            try {
                sharding.get().giveBack(plan);
            } catch (RuntimeException | Error e) {
                throw new PartialChangeException(what + " failed half way", e);
            }
        }
    }

    /**
     * Takes up the gradients of a micro-batch, one of those that a {@linkplain Builder#shards
     * batch} is cut into, and leaves zeros in their place, as the step does that follows the last
     * of them and goes by their mean. So it is with {@linkplain Parameter#curvature curvature},
     * which comes with every micro-batch of a step or with none: it is taken up and away.
     *
     * @throws IllegalStateException if there is no team, all of this member's micro-batches came
     *     already, other parameters have a gradient or curvature than in the first one, curvature
     *     was handed to a rule that takes none, an arena is closed or a gradient is read-only;
     *     nothing is changed. {@link #discard} drops what came before.
     */
    public void accumulate() {
        ownership.enter();
        try {
            var shared = requireTeam();
            inputs.take();
            inputs.checkWritable("zeroed");
            inputs.checkCurvature();
            shared.accumulate(plan);
            plan.curvature().ifPresent(each -> each.endLeaf(shared.ownLeaves()));
            inputs.sources().zeroed();
        } finally {
            ownership.exit();
        }
    }

    /**
     * Runs the backward pass of a micro-batch and takes up its gradients, as {@link #accumulate}
     * does; where this member has one micro-batch a step they stay where they are for the step,
     * which leaves zeros in their place. Those of its last micro-batch leave for their owners in
     * buckets as the pass completes them, the last parameters first. They leave with the step if a
     * parameter has no gradient before the pass, a rule takes curvature or has a pass over every
     * parameter that is to be named ({@link org.panoptim.rule.SAM#RESTORE} for example), or if they
     * lie in a device's memory or in an arena that is confined to a thread.
     *
     * <p>Gradients that may have left are not to be changed before the step, which reads them. Nor
     * can groups be added, frozen or taken up again, or anything be saved, loaded or zeroed.
     *
     * <p>Without a team the pass is run, and that is all. What K-FAC is shown of the micro-batch,
     * it is shown in the pass.
     *
     * @throws IllegalStateException as {@link #accumulate} does; the pass is not run then
     * @throws IllegalArgumentException if a parameter was completed that is not this optimizer's
     */
    public void backward(BackwardPass pass) {
        Objects.requireNonNull(pass, "pass");
        if (sharding.isEmpty()) {
            pass.run(this::requireOwn);
            return;
        }
        var shared = sharding.get();
        boolean departs = depart(shared);
        if (shared.ownLeaves() == 1 && !departs) {
            shared.takeInPlace();
        }
        try {
            pass.run(
                    parameter -> {
                        requireOwn(parameter);
                        if (departs) {
                            shared.complete(parameter);
                        }
                    });
            if (departs) {
                endDeparting(shared);
            }
        } catch (RuntimeException | Error e) {
            if (departs) {
                giveUp(e);
            }
            throw e;
        }
        if (shared.ownLeaves() > 1 && !departs) {
            accumulate();
        }
    }

    private void endDeparting(Sharding shared) {
        ownership.enter();
        try {
            if (shared.ownLeaves() > 1) {
                plan.curvature().ifPresent(each -> each.endLeaf(shared.ownLeaves()));
            }
            shared.completeAll();
        } finally {
            ownership.exit();
        }
    }

    private void requireOwn(Parameter parameter) {
        if (!inputs.has(Objects.requireNonNull(parameter, "parameter"))) {
            throw new IllegalArgumentException(
                    "parameter '%s' is not this optimizer's".formatted(parameter.name()));
        }
    }

    private boolean depart(Sharding shared) {
        ownership.enter();
        try {
            inputs.take();
            inputs.checkWritable("replaced by the mean of a team");
            inputs.checkCurvature();
            // The others' parts of such a pass would come among the gradients.
            if (!shared.mayDepart(plan) || passes.hasRequestedOverAll()) {
                return false;
            }
            shared.depart(plan, coming());
            return true;
        } finally {
            ownership.exit();
        }
    }

    /**
     * Drops the micro-batches that {@link #accumulate} has taken up since the last step, so that
     * their batch can be begun anew: after a refusal, or where a forward pass failed. With the
     * gradients goes their curvature, also that of micro-batches which a pass has used up, and what
     * a transform was shown for the coming step. What the parameters hold stays there, and is the
     * caller's to clear: {@link #zeroGrad}, {@link Parameter#clearCurvature}.
     *
     * <p>It concerns this member of a {@linkplain Builder#shards team} alone, and waits for nobody;
     * the others keep theirs. Members compare before a step whether all have their micro-batches.
     *
     * @throws IllegalStateException if there is no team, or gradients have left already, as {@link
     *     #backward} lets them; nothing is dropped
     */
    public void discard() {
        ownership.enter();
        try {
            requireTeam().discard();
            plan.curvature().ifPresent(CurvatureTransform::discard);
        } finally {
            ownership.exit();
        }
    }

    private void requireNoDeparture(String what) {
        sharding.ifPresent(each -> each.requireNoDeparture(what));
    }

    private Sharding requireTeam() {
        return sharding.orElseThrow(
                () -> new IllegalStateException("there is no team: Builder.shards gives one"));
    }

    private void recordParameters() {
        if (ParameterRecording.isOn() && !execution.isCapturing()) {
            ParameterRecording.record(plan, execution, companions);
        }
    }

    /**
     * Zeroes gradients that a pass needed once the step was done, where that is asked for, and
     * those of micro-batches, where a team has left its means.
     */
    private void zeroCompleted() {
        if (plan.zeroGradients() && !plan.zeroesInStep()) {
            execution.zeroGradients();
        } else {
            zeroUsedUp();
        }
    }

    private void zeroUsedUp() {
        if (sharding.isPresent()) {
            try {
                sharding.get().zeroUsedUp(plan);
            } catch (RuntimeException | Error e) {
                throw new PartialChangeException("zeroing the gradients failed half way", e);
            }
        }
    }

    /** Checks what a step needs of the parameters, and hands it to the executions. */
    private void takeForStep() {
        inputs.take();
        if (plan.zeroGradients()) {
            inputs.checkWritable("zeroed");
        }
        if (stepPasses.writeGradients()) {
            inputs.checkWritable(stepPasses.rewriting());
        }
        inputs.checkCurvature();
        stepPasses.check(inputs.sources());
        inputs.bindTo(executions);
    }

    /**
     * Runs a named pass of a rule or companion: what it does to parameters beside the step, for
     * example {@link org.panoptim.rule.SAM#PERTURB}. It goes over all groups that are not frozen
     * and whose rule has the pass, and leaves counts, step, loss scale, schedule and {@link
     * #report} as they are. Gradients are unscaled by the present loss scale, but not measured,
     * clipped or zeroed. A pass over every parameter reads none, so that their arenas may be
     * closed.
     *
     * <p>Nothing closes an open pass by itself, neither a failure between the two nor {@link
     * #close}: run the closing one in a {@code finally}.
     *
     * <p>On a device it is queued, and the work goes on after the return. What a framework captures
     * is not run yet, so it neither opens nor closes anything here.
     *
     * @param pass its name
     * @throws IllegalArgumentException if no rule has a pass of the name; the message lists those
     *     there are
     * @throws IllegalStateException if an arena is closed, the framework that a parameter belongs
     *     to has moved it, the pass closes what is not open, another one is ({@link Pass#closing}),
     *     or it {@linkplain Pass#readsAverages reads averages} of which there are none; nothing is
     *     changed
     */
    public void run(String pass) {
        Objects.requireNonNull(pass, "pass");
        ownership.enter();
        try {
            var found = passes.require(pass);
            if (found.timing() == Pass.Timing.COMPLETING_STEP) {
                throw new IllegalArgumentException(
                        "pass '%s' completes every step, and is not to be named".formatted(pass));
            }
            boolean captured = execution.isCapturing();
            if (!captured) {
                passes.requireTurn(pass);
            }
            var passed = companions.planOf(pass).orElse(plan);
            Passes.requireAverages(found, passed);
            inputs.takeFor(found, passed);
            if (found.writes() == Pass.Writes.GRADIENT) {
                inputs.checkWritable("rewritten by pass " + pass);
            }
            inputs.sources().checkPassed(passed, found);
            inputs.bindTo(executions);
            if (!found.everyParameter() && sharding.isPresent()) {
                sharding.get().exchangeForPass(plan, coming());
                plan.curvature().ifPresent(CurvatureTransform::gradientsUsed);
            }
            companions.executionOf(pass).orElse(execution).run(pass, execution);
            giveBack("a pass");
            if (!found.everyParameter() && found.writes() != Pass.Writes.GRADIENT) {
                zeroUsedUp();
            }
            if (!captured) {
                passes.ran(pass);
            }
            inputs.sources().passed(passed, found);
        } catch (PartialChangeException e) {
            throw failed(e);
        } catch (RuntimeException | Error e) {
            giveUp(e);
            throw e;
        } finally {
            ownership.exit();
        }
    }

    /**
     * Records a step, which a device can then repeat without the host: a CUDA graph. Nothing is
     * changed until it is launched.
     *
     * @return the recording; the caller closes it
     * @throws UnsupportedPlanException if the backend cannot, or passes go with every step, with
     *     the reason
     * @throws IllegalStateException as {@link #step} does; nothing is changed
     */
    public CapturedStep capture() {
        ownership.enter();
        try {
            passes.requireNoneOpen("a step cannot be captured");
            if (!stepPasses.isEmpty()) {
                throw new UnsupportedPlanException(
                        backend.name(),
                        "a step with passes before or after it (%s) is not captured here; a framework can capture the calls of step"
                                .formatted(stepPasses.names()));
            }
            takeForStep();
            return new OwnedCapture(
                    ownership,
                    execution.capture(),
                    inputs.sources(),
                    this::launched,
                    () -> passes.requireNoneOpen("a captured step cannot be launched"));
        } finally {
            ownership.exit();
        }
    }

    /** Takes down that a captured step was launched, and says under which plan. */
    private StepPlan launched() {
        stepped = plan;
        return plan;
    }

    /**
     * Sets every gradient that the parameters hold to zero.
     *
     * @throws IllegalStateException if an arena is closed, a gradient is read-only, or the
     *     framework that a parameter belongs to has moved it; nothing is changed
     */
    public void zeroGrad() {
        ownership.enter();
        try {
            requireNoDeparture("they cannot be zeroed");
            inputs.take();
            inputs.checkWritable("zeroed");
            inputs.bindTo(executions);
            execution.zeroGradients();
            inputs.sources().zeroed();
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    /** Where the optimizer stands; on a device this waits for the last step. */
    public StepReport report() {
        ownership.enter();
        try {
            return StepReport.of(
                    plan, stepped, execution, companions, sharding.flatMap(Sharding::traffic));
        } finally {
            ownership.exit();
        }
    }

    /**
     * What the next step does with a parameter, and why, in plain English: a sentence a line. It
     * tells of the parameter's group and rule, gradient and counts, of the learning rate and the
     * corrections of averages with the numbers of that step, of what happens to the gradient before
     * and to the value afterwards, and of companions; from what the optimizer was told, and numbers
     * that rules keep, not from the elements of gradients and states. For people: the wording may
     * change.
     *
     * <p>On a device this waits for the last step.
     *
     * @param parameter the parameter's name
     * @throws IllegalArgumentException if there is no such parameter
     * @throws IllegalStateException if the schedule answers with nonsense, or the framework that a
     *     parameter belongs to has moved it
     */
    public String explain(String parameter) {
        Objects.requireNonNull(parameter, "parameter");
        ownership.enter();
        try {
            inputs.sources().refresh();
            for (var group : plan.groups()) {
                for (var candidate : group.parameters()) {
                    if (candidate.name().equals(parameter)) {
                        return explain(group, candidate);
                    }
                }
            }
            throw new IllegalArgumentException("there is no parameter '" + parameter + "'");
        } finally {
            ownership.exit();
        }
    }

    private String explain(ParameterGroup group, Parameter parameter) {
        int place = plan.groups().indexOf(group);
        double companionFactor = companions.rateFactor(group.name());
        var statistics = StepReport.statistics(plan, stepped, execution, companions);
        return new Explanation(
                        plan,
                        group,
                        parameter,
                        companions.rulesFor(group.name()),
                        companionFactor,
                        NextStep.of(plan, execution, group, parameter, companionFactor),
                        execution.observed().counters(),
                        execution.count(parameter))
                .text(
                        passes.open(),
                        statistics.map(reader -> reader.ofParameter(place, parameter)),
                        statistics.map(reader -> reader.ofGroup(place)));
    }

    /**
     * What the next gradients must come multiplied by; on a device this waits for the last step.
     */
    public double lossScale() {
        ownership.enter();
        try {
            return execution.outcome().counters().lossScale();
        } finally {
            ownership.exit();
        }
    }

    /** The backend that the steps run on. */
    public Backend backend() {
        return backend;
    }

    /** The team that shares the step, if there is one. */
    public Optional<Team> team() {
        return sharding.map(Sharding::given);
    }

    /** The groups, in registration order, with their present rules. */
    public List<ParameterGroup> groups() {
        return plan.groups();
    }

    /**
     * The group of that name.
     *
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public ParameterGroup group(String name) {
        Objects.requireNonNull(name, "name");
        return GroupList.find(plan.groups(), name);
    }

    /**
     * Adds a group; its states begin as its rule says, and its parameters' counts at zero. Graphs
     * of a device that hold a step must be captured anew.
     *
     * @throws IllegalArgumentException if a name is taken, parameters overlap, the rule contradicts
     *     itself or {@link #save} could not write it; nothing is changed
     * @throws IllegalStateException if a state begins as a parameter whose arena is closed or
     *     another thread's, the framework that a parameter belongs to has moved it, or a pass is
     *     open ({@link Pass#closing}), as for every other change of groups; nothing is changed
     * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot run it; nothing is
     *     changed
     */
    public void add(ParameterGroup group) {
        Objects.requireNonNull(group, "group");
        change(groups -> GroupList.with(groups, group));
    }

    /** Leaves a group alone from the next step on: not measured, not updated. */
    public void freeze(String group) {
        changeGroup(group, found -> found.withFrozen(true));
    }

    /** Takes a frozen group up again, with the states and counts that it had. */
    public void unfreeze(String group) {
        changeGroup(group, found -> found.withFrozen(false));
    }

    /**
     * Gives a group other hyper-parameters from the next step on.
     *
     * @param rule of the same kind and with the same states as the group's present one
     * @throws IllegalArgumentException if it is not; nothing is changed
     */
    public void rule(String group, UpdateRule rule) {
        Objects.requireNonNull(rule, "rule");
        changeGroup(group, found -> found.withRule(rule));
    }

    /** Gives a group another learning rate from the next step on. */
    public void learningRate(String group, double learningRate) {
        changeGroup(group, found -> found.withRule(found.rule().atLearningRate(learningRate)));
    }

    private void changeGroup(String name, UnaryOperator<ParameterGroup> change) {
        group(Objects.requireNonNull(name, "group"));
        change(groups -> GroupList.replace(groups, name, change));
    }

    private void change(UnaryOperator<List<ParameterGroup>> change) {
        ownership.enter();
        try {
            passes.requireNoneOpen("groups cannot be changed");
            var changed = plan.withGroups(change.apply(plan.groups()));
            sharding.ifPresent(each -> each.requireSameGroups(plan, changed));
            PlanChecks.check(changed);
            Companions.check(changed, companions.rules());
            var changedPasses = new Passes(changed.groups(), companions.rules());
            var changedInputs = new StepInputs(changed);
            var added = GroupList.added(plan.groups(), changed.groups());
            if (!added.isEmpty()) {
                PlanChecks.checkTransformsStates(changed);
                changedInputs.checkBeginnings(added);
                for (var rule : companions.rules()) {
                    var accompanied = changed.accompanying(rule).groups();
                    changedInputs.checkBeginnings(GroupList.added(plan.groups(), accompanied));
                }
            }
            inputs.unbind();
            PlanLifecycle.change(execution, companions, changed);
            plan = changed;
            passes = changedPasses;
            stepPasses = new StepPasses(plan, execution, passes, companions);
            inputs = changedInputs;
        } catch (PartialChangeException e) {
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    /**
     * A state of a parameter, of its group's rule or a companion, to be read and set; its elements
     * lie in the order of the parameter's own ({@link Parameter#order}). Of a {@linkplain
     * Builder#shards team} each member has those elements alone that it owns, one after another.
     *
     * @param parameter the parameter's name
     * @param slot the state's name in PyTorch, for example {@code "exp_avg"}
     * @throws IllegalArgumentException if there is no such parameter or state
     */
    public StateTensor state(String parameter, String slot) {
        Objects.requireNonNull(parameter, "parameter");
        Objects.requireNonNull(slot, "slot");
        ownership.enter();
        try {
            return companions
                    .state(parameter, slot)
                    .orElseGet(() -> new NamedStates(plan, execution).ofParameter(parameter, slot));
        } finally {
            ownership.exit();
        }
    }

    /**
     * A state that a group's rule or a companion keeps for itself, to be read and set: one float64.
     *
     * @param group the group's name
     * @param slot the state's name, for example {@code "d"}
     * @throws IllegalArgumentException if there is no such group or state
     */
    public StateTensor ruleState(String group, String slot) {
        Objects.requireNonNull(group, "group");
        Objects.requireNonNull(slot, "slot");
        ownership.enter();
        try {
            var found = group(group);
            return companions
                    .ruleState(group, slot)
                    .orElseGet(() -> new NamedStates(plan, execution).ofRule(found, slot));
        } finally {
            ownership.exit();
        }
    }

    /**
     * Writes states, counts, step, groups and rules to a safetensors file, atomically: the file is
     * either the old one or the new one, whole. Parameters are not in it, nor gradients.
     *
     * <p>A {@linkplain Builder#shards team} writes a folder, which all members see: each writes a
     * file of its own with the states that it keeps, and when all are complete the first member
     * writes {@code index.safetensors}, which names them; then the files of an older checkpoint are
     * deleted. Whatever fails or is killed, the folder has the old checkpoint or the new one. A
     * failure on one member is one on all, and the team goes on. Members wait for each other no
     * longer than {@link Team#timeout}. {@link Checkpoints#consolidate} makes one file of the
     * folder.
     *
     * @param file where to: a file, or of a team a folder, which is made if there is none
     * @throws IOException if writing fails; an old file or checkpoint is then as it was. Of a team
     *     the message says on which member.
     * @throws IllegalStateException if the schedule remembers more than {@link #load} takes, about
     *     a million characters of names and values, a pass is open, or members of a team have other
     *     counts, settings, states of rules or settings of K-FAC; an old file is as it was
     * @throws TeamException if another member of a team is gone or did not answer in time; the
     *     folder has the old checkpoint or the new one
     */
    public void save(Path file) throws IOException {
        Objects.requireNonNull(file, "file");
        ownership.enter();
        try {
            passes.requireNoneOpen("nothing can be saved");
            requireNoDeparture("nothing can be saved");
            Checkpoint.save(file, plan, execution, companions.states(), leaves());
        } finally {
            ownership.exit();
        }
    }

    /**
     * Takes up states, counts, step, hyper-parameters and what the schedule remembers from a file
     * that {@link #save} wrote, on this or any other backend; the steps that follow have the same
     * bits.
     *
     * <p>A group is frozen afterwards if it is in the file, or was before the load. A dynamic loss
     * scale goes on from that of the file, if that was dynamic, and begins anew if not; a fixed one
     * stays this optimizer's own, as do policy, clipping and all else that the builder was told. A
     * schedule that remembers goes on from what the file says; no other optimizer has it.
     * Companions stay as the builder was told, and take up their states.
     *
     * <p>Header and states of the file have checksums, which are verified first. One without them,
     * of an earlier version or another program, is loaded with a warning, or refused if asked for.
     *
     * <p>The folder that a {@linkplain Builder#shards team} has saved is loaded by a team of any
     * size and without a team, and a file by a team. A team's steps must have as many leaves as
     * those of the team that saved, which is checked; without a team a step goes by the gradients
     * that it is given. Micro-batches that were taken up for the coming step are dropped. No member
     * changes anything before all have read and checked what they need.
     *
     * @throws IOException if the file cannot be read, is damaged, is no checkpoint, or is one of
     *     other groups, parameters, shapes, {@linkplain Parameter#order orders in memory}, rules,
     *     leaves or companions with states; nothing is changed. What fails on some members of a
     *     team alone is told on all, with the number of the first.
     * @throws IllegalStateException if a pass is open ({@link Pass#closing}); nothing is changed
     * @throws TeamException if another member of a team is gone or did not answer in time before
     *     all had checked what they need; nothing is changed
     */
    public void load(Path file, LoadOption... options) throws IOException {
        Objects.requireNonNull(file, "file");
        var chosen = Set.copyOf(Arguments.copyOf(options, "options"));
        ownership.enter();
        try {
            passes.requireNoneOpen("nothing can be loaded");
            requireNoDeparture("nothing can be loaded");
            inputs.unbind();
            plan =
                    Checkpoint.load(
                            file,
                            plan,
                            execution,
                            companions.states(),
                            leaves(),
                            chosen,
                            PlanChecks::check,
                            companions::configure);
            stepped = plan;
            sharding.ifPresent(Sharding::discard);
            inputs.follow(plan);
            passes = new Passes(plan.groups(), companions.rules());
            stepPasses = new StepPasses(plan, execution, passes, companions);
        } catch (PartialChangeException e) {
            giveUp(e);
            throw ownership.fail(e);
        } finally {
            ownership.exit();
        }
    }

    /**
     * Frees the states; closing twice is harmless. Parameters stay as they are, moved if a pass
     * that moved them is open. What fails keeps nothing else from being freed: of several failures
     * the first is thrown, with the others suppressed in it.
     *
     * @throws IllegalStateException if a framework is capturing the device's stream; nothing is
     *     freed, and the optimizer can be closed when the capture has ended
     */
    @Override
    public void close() {
        if (ownership.isClosed()) {
            return;
        }
        ownership.enterToClose();
        try {
            if (execution.isCapturing()) {
                throw new IllegalStateException(
                        "the optimizer cannot be closed while the stream is being captured; do it"
                                + " again when the capture has ended");
            }
            ownership.close();
            PlanLifecycle.close(plan, execution, companions, this::closeWhatIsOwned);
        } finally {
            ownership.exit();
        }
    }

    private void closeWhatIsOwned() {
        Cleanup.all(
                () -> sharding.ifPresent(Sharding::close), ownsBackend ? backend::close : () -> {});
    }

    /**
     * Describes an optimizer before it is built.
     *
     * @param <R> the kind of rule that groups start from
     */
    public static final class Builder<R extends UpdateRule> {

        private final R rule;
        private final List<ParameterGroup> groups = new ArrayList<>();
        private final List<UpdateRule> companions = new ArrayList<>();
        private Schedule schedule = Schedule.constant();
        private LossScale lossScale = LossScale.none();
        private @Nullable NonFinitePolicy policy;
        private Clipping clipping = Clipping.none();
        private boolean zeroGradients;
        private boolean flushStates;
        private int statisticsEvery;
        private Optional<Averaging> averaging = Optional.empty();
        private @Nullable GradientTransform transform;
        private @Nullable Backend backend;
        private @Nullable Team team;
        private int leaves;

        private Builder(R rule) {
            this.rule = Objects.requireNonNull(rule, "rule");
        }

        /** Adds a group under the builder's rule. */
        public Builder<R> group(String name, List<Parameter> parameters) {
            return group(name, parameters, rule);
        }

        /** Adds a group under the builder's rule with some hyper-parameters changed. */
        public Builder<R> group(String name, List<Parameter> parameters, UnaryOperator<R> change) {
            Objects.requireNonNull(change, "change");
            return group(name, parameters, change.apply(rule));
        }

        /** Adds a group under a rule of its own. */
        public Builder<R> group(String name, List<Parameter> parameters, UpdateRule ownRule) {
            groups.add(new ParameterGroup(name, ownRule, parameters));
            return this;
        }

        /**
         * Adds a group for each depth under the builder's rule, whose learning rates fall from
         * layer to layer: η factor^(deepest − depth), as BEiT and ELECTRA are fine-tuned. The
         * groups are {@code name/depth}, from the least depth on.
         *
         * @param factor in (0, 1]; 0.65 to 0.9 are usual
         * @param depth of a parameter: 0 for embeddings, and one more for each layer towards the
         *     loss; at least 0
         */
        public Builder<R> layerwise(
                String name,
                List<Parameter> parameters,
                double factor,
                ToIntFunction<Parameter> depth) {
            Objects.requireNonNull(name, "name");
            Objects.requireNonNull(depth, "depth");
            Arguments.requireElements(parameters, "parameters");
            groups.addAll(LayerwiseDecay.groups(name, rule, parameters, factor, depth));
            return this;
        }

        /**
         * Adds the usual two groups: {@code decay}, the parameters of two dimensions and more
         * (weights, embeddings), under the builder's rule with this weight decay, and {@code no
         * decay}, vectors and scalars (biases, gains of normalizations), under the rule without.
         *
         * @param weightDecay at least 0; of what kind it is, the rule says
         * @throws IllegalArgumentException if the rule has no weight decay, or not this one
         */
        public Builder<R> matrixDecay(List<Parameter> parameters, double weightDecay) {
            Arguments.requireElements(parameters, "parameters");
            groups.addAll(MatrixDecay.groups(rule, parameters, weightDecay));
            return this;
        }

        /**
         * Adds a rule without a step, whose passes go over every group, whatever rule that has:
         * when {@link Optimizer#run} names them, as those of {@link org.panoptim.rule.SAM}, or with
         * every step, as that of {@link org.panoptim.rule.Lookahead}; then in the order in which
         * companions were added.
         *
         * @param companion with passes whose names no other rule of the optimizer has
         */
        public Builder<R> companion(UpdateRule companion) {
            companions.add(Objects.requireNonNull(companion, "companion"));
            return this;
        }

        /** Lets the learning rate follow a schedule; constant by default. */
        public Builder<R> schedule(Schedule value) {
            schedule = Objects.requireNonNull(value, "schedule");
            return this;
        }

        /** Says what gradients come multiplied by; nothing by default. */
        public Builder<R> lossScale(LossScale value) {
            lossScale = Objects.requireNonNull(value, "lossScale");
            return this;
        }

        /**
         * Says what a non-finite gradient does; {@link NonFinitePolicy#PROPAGATE} by default, or
         * {@code SKIP} with a dynamic loss scale.
         */
        public Builder<R> nonFinite(NonFinitePolicy value) {
            policy = Objects.requireNonNull(value, "policy");
            return this;
        }

        /**
         * Bounds the gradient's global norm, over all groups that are not frozen, as PyTorch's
         * {@code clip_grad_norm_}.
         *
         * @param norm above 0
         * @throws IllegalStateException if norms of another scope are bounded already
         */
        public Builder<R> clipGlobalNorm(double norm) {
            return clipNorm("clipGlobalNorm", Clipping.Scope.GLOBAL, norm);
        }

        /**
         * Bounds the norm of each group's gradient, as PyTorch's {@code clip_grad_norm_} over the
         * group's parameters.
         *
         * @param norm above 0
         * @throws IllegalStateException if norms of another scope are bounded already
         */
        public Builder<R> clipGroupNorm(double norm) {
            return clipNorm("clipGroupNorm", Clipping.Scope.GROUP, norm);
        }

        /**
         * Bounds the norm of each parameter's gradient, as PyTorch's {@code clip_grad_norm_} over
         * the one parameter.
         *
         * @param norm above 0
         * @throws IllegalStateException if norms of another scope are bounded already
         */
        public Builder<R> clipParameterNorm(double norm) {
            return clipNorm("clipParameterNorm", Clipping.Scope.PARAMETER, norm);
        }

        private Builder<R> clipNorm(String call, Clipping.Scope scope, double norm) {
            requireBound(call, "norm", norm);
            if (clipping.boundsNorms() && clipping.scope() != scope) {
                throw new IllegalStateException(
                        "%s: norms of scope %s are bounded already"
                                .formatted(call, clipping.scope()));
            }
            clipping = clipping.withNorm(scope, norm);
            return this;
        }

        /**
         * Bounds each element of the gradients, as PyTorch's {@code clip_grad_value_}, after their
         * norms. An infinite element counts as not finite all the same.
         *
         * @param value the largest absolute value, above 0 as float32 too
         */
        public Builder<R> clipValue(double value) {
            requireBound("clipValue", "value", value);
            clipping = clipping.withValue(value);
            return this;
        }

        private static void requireBound(String call, String what, double bound) {
            if (!(bound > 0 && bound < Double.POSITIVE_INFINITY)) {
                throw new IllegalArgumentException(
                        "%s: %s must be finite and above 0, but is %s"
                                .formatted(call, what, bound));
            }
        }

        /** Lets the step leave zeros in the gradients, in the same pass. */
        public Builder<R> zeroGradients(boolean value) {
            zeroGradients = value;
            return this;
        }

        /**
         * Whether states of elements become 0 where a step leaves them closer to it than 2⁻¹²⁶, the
         * smallest normal float32; by default they stay. Where a parameter has gradients of zero
         * for long (rows of an embedding that are not used), the averages of its gradients shrink
         * to numbers with which processors calculate more slowly. States of passes, rows, columns
         * and parameters are left alone.
         */
        public Builder<R> flushStates(boolean value) {
            flushStates = value;
            return this;
        }

        /**
         * Lets every step take the norms of gradient and update, and what {@link StepStatistics}
         * has of each parameter and group, for {@link Optimizer#report}. They are taken while the
         * step goes over the elements, and cost no access to memory more; but sums in double
         * precision that are the same on every backend are work: on a processor whose memory is
         * fast a step takes half as long again. {@link #statisticsEvery} takes them now and then.
         */
        public Builder<R> statistics(boolean value) {
            statisticsEvery = value ? 1 : 0;
            return this;
        }

        /**
         * Lets every so many steps take statistics, as {@link #statistics}: those whose number, the
         * count of accepted steps with the coming one, is a multiple. After the others those of
         * {@link Optimizer#report} are empty.
         *
         * @throws IllegalArgumentException if the number is below 1
         */
        public Builder<R> statisticsEvery(int steps) {
            if (steps < 1) {
                throw new IllegalArgumentException(
                        "statistics are taken every so many steps, but came " + steps);
            }
            statisticsEvery = steps;
            return this;
        }

        /**
         * What the moving averages of {@linkplain Parameter#averagedIn parameters that have one}
         * keep of themselves in a step: average ← decay · average + (1 − decay) · value, computed
         * as PyTorch's {@code lerp} does, in float32.
         *
         * @param decay in [0, 1]
         */
        public Builder<R> averageDecay(double decay) {
            if (!(decay >= 0 && decay <= 1)) {
                throw new IllegalArgumentException(
                        "averageDecay: decay must be in [0, 1], but is " + decay);
            }
            return averaging(Averaging.exponential(decay));
        }

        /**
         * How the moving averages of {@linkplain Parameter#averagedIn parameters that have one}
         * follow them: exponentially, or all steps with the same weight, from a step on, every so
         * many steps. {@link org.panoptim.rule.AverageSwap} evaluates them. Where no parameter has
         * one it does nothing; groups whose parameters have some may be added later.
         */
        public Builder<R> averaging(Averaging value) {
            averaging = Optional.of(Objects.requireNonNull(value, "averaging"));
            return this;
        }

        /** Lets something rewrite the gradients of every step before they are clipped and used. */
        public Builder<R> transform(GradientTransform value) {
            transform = Objects.requireNonNull(value, "transform");
            return this;
        }

        /**
         * Chooses the backend, which stays the caller's; else the best one is opened and closed.
         */
        public Builder<R> backend(Backend value) {
            backend = Objects.requireNonNull(value, "backend");
            return this;
        }

        /**
         * Shares the step with the members of a team, each of which holds the same parameters and
         * builds the same optimizer: a step adds up all their gradients and takes the mean, each
         * member updates the part of the parameters that it owns and keeps the states of that part
         * alone, and all get the parameters back. With the same leaves, the number of members
         * changes no bit. Members make the same calls in the same order.
         *
         * <p>Curvature is averaged as gradients are, before a rule squares it: for {@link
         * org.panoptim.rule.SophiaG} the batch size is that of all members. In a step all have it,
         * of the same parameters, or none.
         *
         * <p>A parameter of a rule on matrices, or of a layer under K-FAC, is owned whole: the most
         * expensive first, by the member that has the least to do with such ones.
         *
         * <p>Transforms of gradients other than K-FAC and AdaFisher's curvature, and {@link
         * Optimizer#capture}, do not go with a team. Gradients are used up by the step, or the pass
         * that reads them: each takes new ones.
         *
         * @param value stays the caller's
         * @param leaves into how many micro-batches a batch is cut, over all members: a power of
         *     two, which the number of members divides. A member with more than one calls {@link
         *     Optimizer#accumulate} after each backward pass. Gradients that were taken up so are
         *     zero after the step.
         * @throws IllegalArgumentException if there cannot be so many
         */
        public Builder<R> shards(Team value, int leaves) {
            team = Objects.requireNonNull(value, "team");
            this.leaves = Sharding.requireLeaves(value, leaves);
            return this;
        }

        /** The same with a leaf for each member, whose gradients a step takes as they are. */
        public Builder<R> shards(Team value) {
            return shards(value, Objects.requireNonNull(value, "team").size());
        }

        /**
         * Adds those of a model's parameters that are in no group yet, by their names, as a group
         * under the builder's rule: {@code all} if it is the first, {@code others} if not. Nothing
         * is added if all are in groups.
         */
        public Builder<R> remaining(List<Parameter> parameters) {
            var named =
                    groups.stream()
                            .flatMap(group -> group.parameters().stream())
                            .map(Parameter::name)
                            .collect(Collectors.toSet());
            var left =
                    Objects.requireNonNull(parameters, "parameters").stream()
                            .map(each -> Objects.requireNonNull(each, "a parameter"))
                            .filter(each -> !named.contains(each.name()))
                            .toList();
            return left.isEmpty() ? this : group(groups.isEmpty() ? "all" : "others", left);
        }

        /**
         * Builds the optimizer.
         *
         * @throws IllegalArgumentException if names repeat, parameters overlap, a policy does not
         *     fit a loss scale, or {@link Optimizer#save} could not write the optimizer: a name is
         *     not Unicode text, or a rule is not a public record of numbers and truth values; or if
         *     a rule contradicts itself, or has the name of one of the library's; or if a companion
         *     has phases of a step, or a pass or state of the name of another rule's; or if the
         *     schedule sets a momentum for the first step that a rule does not have; or if a
         *     parameter has a moving average and there is no {@link #averageDecay}
         * @throws IllegalStateException if another optimizer has the transform or a schedule that
         *     remembers, a state begins as a parameter whose arena is closed or another thread's,
         *     or the framework that a parameter belongs to has moved it
         * @throws org.panoptim.spi.UnsupportedPlanException if the backend cannot run it, with the
         *     reason
         */
        public Optimizer build() {
            var plan =
                    new StepPlan(
                            groups,
                            schedule,
                            lossScale,
                            policy == null ? PlanChecks.usualPolicy(lossScale) : policy,
                            clipping,
                            zeroGradients,
                            statisticsEvery,
                            Optional.ofNullable(transform),
                            averaging,
                            Lent.nothing(),
                            flushStates,
                            Shares.whole());
            if (team == null) {
                return build(plan, Optional.empty());
            }
            var whole =
                    plan.curvature().flatMap(CurvatureTransform::wholeParameters).orElse(List.of());
            var sharding = new Sharding(team, leaves);
            try {
                return build(
                        plan.withShares(Shares.of(sharding.team(), groups, companions, whole)),
                        Optional.of(sharding));
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, sharding::close);
                throw e;
            }
        }

        private Optimizer build(StepPlan plan, Optional<Sharding> sharding) {
            if (backend != null) {
                return new Optimizer(backend, false, plan, companions, sharding);
            }
            var best = Backend.best();
            try {
                return new Optimizer(best, true, plan, companions, sharding);
            } catch (RuntimeException | Error e) {
                Cleanup.after(e, best::close);
                throw e;
            }
        }
    }
}
