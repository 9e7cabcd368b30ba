package org.panoptim;

import org.jspecify.annotations.Nullable;
import org.panoptim.backend.Backend;
import org.panoptim.io.AppendedFile;
import org.panoptim.memory.FloatView;
import org.panoptim.memory.HostMemory;
import org.panoptim.memory.Memory;
import org.panoptim.monitor.Observation;
import org.panoptim.parameter.FlatParameters;
import org.panoptim.parameter.NamedParameters;
import org.panoptim.parameter.Output;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.Pass;
import org.panoptim.rule.RuleDescriptor;
import org.panoptim.rule.RuleSetting;
import org.panoptim.rule.Rules;
import org.panoptim.rule.SGD;
import org.panoptim.rule.Slot;
import org.panoptim.rule.UpdateRule;
import org.panoptim.safetensors.SafetensorsReader;
import org.panoptim.safetensors.SafetensorsWriter;
import org.panoptim.safetensors.TensorInfo;
import org.panoptim.schedule.ReduceOnPlateau;
import org.panoptim.schedule.Schedule;
import org.panoptim.shard.ForwardingTeam;
import org.panoptim.shard.Team;
import org.panoptim.spi.Cleanup;
import org.panoptim.step.Averaging;
import org.panoptim.step.Clipping;
import org.panoptim.step.LossScale;
import org.panoptim.tensor.DType;
import org.panoptim.tensor.DimensionOrder;
import org.panoptim.tensor.Shape;
import org.panoptim.tensor.StateTensor;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Array;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Proxy;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.lang.reflect.WildcardType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/** An argument, or an object to call, for every type of the public interface. */
final class ApiSamples implements AutoCloseable {

    private final Cleanup cleanup = new Cleanup();
    private final Backend backend = cleanup.keep(Backend.named("reference"));
    private final Path folder;
    private final Map<Class<?>, Supplier<?>> samples = new HashMap<>();
    private int files;

    /**
     * Ready to make some.
     *
     * @param folder for files
     */
    ApiSamples(Path folder) {
        this.folder = folder;
        primitives();
        standard();
        add(Shape.class, () -> Shape.of(2));
        add(DimensionOrder.class, () -> DimensionOrder.contiguous(1));
        add(Memory.class, ApiSamples::memory);
        add(HostMemory.class, ApiSamples::memory);
        add(FloatView.class, () -> FloatView.of(memory(), DType.F32));
        add(Output.class, () -> new Output(DType.F32, memory()));
        add(Parameter.class, ApiSamples::parameter);
        add(
                FlatParameters.Builder.class,
                () -> FlatParameters.builder().add("parameter", Shape.of(2)));
        add(FlatParameters.class, ApiSamples::flat);
        add(NamedParameters.class, ApiSamples::flat);
        add(
                ParameterGroup.class,
                () -> new ParameterGroup("group", SGD.defaults(), List.of(parameter())));
        add(Averaging.class, Averaging::equal);
        add(Clipping.class, Clipping::none);
        add(LossScale.class, LossScale::none);
        add(Schedule.class, Schedule::constant);
        add(StateTensor.class, () -> optimizer(AdamW.defaults()).state("parameter", "exp_avg"));
        add(ReduceOnPlateau.class, ReduceOnPlateau::defaults);
        add(Slot.Initial.class, () -> new Slot.Initial.Constant(0));
        add(Pass.class, () -> Pass.overAll("pass", 1));
        add(Slot.class, () -> new Slot("slot"));
        add(UpdateRule.class, SGD::defaults);
        Rules.all().forEach(rule -> samples.put(rule.getClass(), () -> rule));
        Rules.companions().forEach(rule -> samples.put(rule.getClass(), () -> rule));
        add(RuleDescriptor.class, () -> AdamW.defaults().descriptor());
        add(RuleDescriptor.Builder.class, () -> RuleDescriptor.of(AdamW.class, "a test"));
        add(RuleSetting.class, () -> AdamW.defaults().descriptor().settings().getFirst());
        add(Observation.class, () -> Observation.of(optimizer().report()));
        add(StepReport.class, () -> optimizer().report());
        add(Backend.class, () -> backend);
        add(ForwardingTeam.class, () -> new ForwardingTeam((Team) of(Team.class)) {});
        add(Optimizer.class, this::optimizer);
        add(Optimizer.Builder.class, () -> Optimizer.builder(SGD.defaults()).backend(backend));
        add(LBFGS.class, () -> keep(LBFGS.builder(List.of(parameter())).backend(backend).build()));
        add(LBFGS.Builder.class, () -> LBFGS.builder(List.of(parameter())));
        add(
                AppendedFile.class,
                () -> checked(() -> keep(AppendedFile.create(file()).orElseThrow())));
        add(SafetensorsWriter.class, SafetensorsWriter::new);
        add(SafetensorsReader.class, () -> checked(this::reader));
        add(TensorInfo.class, () -> new TensorInfo("t", DType.F32, List.of(2L), 0, 8));
    }

    private static FlatParameters flat() {
        return FlatParameters.builder().add("parameter", Shape.of(2)).allocate(Arena.ofAuto());
    }

    private void primitives() {
        add(boolean.class, () -> true);
        add(int.class, () -> 1);
        add(long.class, () -> 1L);
        add(float.class, () -> 0.5f);
        add(double.class, () -> 0.5);
        add(short.class, () -> (short) 1);
    }

    private void standard() {
        add(Object.class, Object::new);
        add(String.class, () -> "name");
        add(Path.class, this::file);
        add(Duration.class, () -> Duration.ofSeconds(1));
        add(MemorySegment.class, () -> MemorySegment.ofArray(new float[2]));
        add(ByteBuffer.class, () -> ByteBuffer.allocate(8));
        add(Throwable.class, Exception::new);
        add(List.class, List::of);
        add(Set.class, Set::of);
        add(Map.class, Map::of);
        add(SequencedMap.class, LinkedHashMap::new);
        add(Optional.class, Optional::empty);
        add(OptionalDouble.class, OptionalDouble::empty);
        add(OptionalInt.class, OptionalInt::empty);
        add(UnaryOperator.class, UnaryOperator::identity);
        add(Class.class, () -> AdamW.class);
    }

    private <T> void add(Class<T> type, Supplier<? extends T> sample) {
        samples.put(type, sample);
    }

    private static HostMemory memory() {
        return new HostMemory(MemorySegment.ofArray(new float[2]));
    }

    private static Parameter parameter() {
        return Parameter.of("parameter", Shape.of(2), memory());
    }

    private Optimizer optimizer() {
        return optimizer(SGD.defaults());
    }

    private Optimizer optimizer(UpdateRule rule) {
        return keep(
                Optimizer.builder(rule)
                        .group("group", List.of(parameter()))
                        .backend(backend)
                        .build());
    }

    private SafetensorsReader reader() throws IOException {
        var file = file();
        new SafetensorsWriter().write(file);
        return keep(SafetensorsReader.open(file));
    }

    private Path file() {
        return folder.resolve("file" + files++);
    }

    private interface Opening<T> {
        T open() throws IOException;
    }

    private static <T> T checked(Opening<T> opening) {
        try {
            return opening.open();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** An object of a type that anything may be done to. */
    Object of(Type type) {
        return switch (type) {
            case Class<?> plain -> ofClass(plain);
            case ParameterizedType generic -> of(generic.getRawType());
            case TypeVariable<?> variable -> of(variable.getBounds()[0]);
            case GenericArrayType array ->
                    Array.newInstance(of(array.getGenericComponentType()).getClass(), 0);
            case WildcardType wildcard -> of(wildcard.getUpperBounds()[0]);
            default -> throw new AssertionError(type);
        };
    }

    private Object ofClass(Class<?> type) {
        var sample = samples.get(type);
        if (sample != null) {
            return sample.get();
        }
        if (type.isEnum()) {
            return type.getEnumConstants()[0];
        }
        if (type.isArray()) {
            return Array.newInstance(type.getComponentType(), 0);
        }
        if (type.isInterface()) {
            return Proxy.newProxyInstance(
                    type.getClassLoader(),
                    new Class<?>[] {type},
                    (proxy, method, arguments) -> {
                        if (method.isDefault()) {
                            return InvocationHandler.invokeDefault(proxy, method, arguments);
                        }
                        return method.getReturnType() == void.class
                                ? null
                                : of(method.getGenericReturnType());
                    });
        }
        throw new AssertionError("there is no sample of " + type);
    }

    /** What was made is closed at last, if it can be. */
    <T extends @Nullable Object> T keep(T made) {
        if (made instanceof AutoCloseable closeable) {
            cleanup.keep(closeable);
        }
        return made;
    }

    @Override
    public void close() {
        cleanup.run();
    }
}
