package org.panoptim.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.gradient;
import static org.panoptim.parameter.Tensors.tensor;
import static org.panoptim.parameter.Tensors.values;
import static org.panoptim.parameter.Tensors.vector;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.panoptim.matrix.HostMatrices;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.Cubic;
import org.panoptim.rule.SGD;
import org.panoptim.spi.ArenaSet;
import org.panoptim.spi.BeforeStep;
import org.panoptim.spi.UnsupportedPlanException;
import org.panoptim.tensor.Shape;

import java.lang.reflect.Proxy;
import java.util.List;

/** What an execution takes up, and what it is as before without. */
class ReferenceExecutionTest {

    private static final HostMatrices WITHOUT_ALGEBRA =
            (HostMatrices)
                    Proxy.newProxyInstance(
                            HostMatrices.class.getClassLoader(),
                            new Class<?>[] {HostMatrices.class},
                            (_, _, _) -> {
                                throw new IllegalStateException("there is no algebra");
                            });

    private final Parameter p = vector("p", 5);
    private final ParameterGroup vectors =
            new ParameterGroup("vectors", SGD.withLearningRate(1), List.of(p));

    private ReferenceExecution execution() {
        return new ReferenceExecution(Plans.of(vectors), WITHOUT_ALGEBRA, () -> {});
    }

    @Test
    void aPlanWhoseMatricesCannotBeWorkedOnLeavesNothing() {
        var m = tensor("m", Shape.of(1, 1), 1);
        var matrices = new ParameterGroup("matrices", new Cubic(1, false), List.of(m));
        try (var execution = execution()) {
            assertThatThrownBy(() -> execution.configure(Plans.of(vectors, matrices)))
                    .hasMessage("there is no algebra");
            assertThatThrownBy(() -> execution.state(m, 0))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("Parameter m[1, 1] does not belong to this optimizer");
            assertThatThrownBy(() -> execution.count(m))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("Parameter m[1, 1] does not belong to this optimizer");
            gradient(p, 2);
            execution.bind(new ArenaSet());
            execution.step(BeforeStep.nothing());
            assertThat(values(p)).containsExactly(3);
        }
    }

    @Test
    void gradientsAndCurvatureInDeviceMemoryAreRefused() {
        var device = new DeviceMemory(0x1000, 4);
        try (var execution = execution()) {
            p.gradient(device);
            assertNotBound(() -> execution.bind(new ArenaSet()), "gradient");
            gradient(p, 2);
            p.curvature(device);
            assertNotBound(() -> execution.bind(new ArenaSet()), "curvature");
            p.clearCurvature();
            execution.bind(new ArenaSet());
        }
    }

    private static void assertNotBound(ThrowingCallable call, String what) {
        assertThatThrownBy(call)
                .isInstanceOf(UnsupportedPlanException.class)
                .hasMessage(
                        "backend reference: the %s of parameter 'p' lies in device memory, which"
                                + " Java cannot read",
                        what);
    }
}
