package org.panoptim.backend;

import org.panoptim.memory.Buffer;
import org.panoptim.parameter.Parameter;
import org.panoptim.spi.Execution;
import org.panoptim.spi.StepPlan;

import java.util.List;
import java.util.Optional;

/** Plain Java where nothing faster was found, which says so, once, where it makes a difference. */
final class Fallback implements Backend {

    /** Elements from which on a step in plain Java takes milliseconds. */
    static final long MANY = 100_000;

    private final Backend plain;
    private final List<String> faster;

    /**
     * A fallback to a backend, which is closed with it.
     *
     * @param faster the names of the host's backends that are on the path and do not work here
     */
    Fallback(Backend plain, List<String> faster) {
        this.plain = plain;
        this.faster = List.copyOf(faster);
    }

    @Override
    public String name() {
        return plain.name();
    }

    @Override
    public String description() {
        return plain.description();
    }

    @Override
    public <T> Optional<T> extension(Class<T> type) {
        return plain.extension(type);
    }

    @Override
    public Buffer allocate(long byteSize) {
        return plain.allocate(byteSize);
    }

    @Override
    public Execution open(StepPlan plan) {
        warn(plan.parameters().stream().mapToLong(Parameter::elements).sum());
        return plain.open(plan);
    }

    @Override
    public Backend on(List<Parameter> parameters) {
        return this;
    }

    private void warn(long elements) {
        if (elements > MANY && Backends.isFirst("plain Java: " + remedy())) {
            System.getLogger("org.panoptim")
                    .log(
                            System.Logger.Level.WARNING,
                            "An optimizer of "
                                    + elements
                                    + " elements runs in plain Java, which is several times as slow"
                                    + " as native code. "
                                    + remedy()
                                    + ", or take Backend.named(\"reference\") if plain Java is"
                                    + " wanted.");
        }
    }

    private String remedy() {
        return faster.isEmpty()
                ? "Add the artifact org.panoptim:panoptim-simd (Backends.explain() says what was"
                        + " tried)"
                : "See why "
                        + String.join(" and ", faster)
                        + " does not work here (Backends.explain() says it)";
    }

    @Override
    public void close() {
        plain.close();
    }
}
