package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.panoptim.rule.Companion;
import org.panoptim.rule.LineRule;
import org.panoptim.rule.MatrixRule;
import org.panoptim.rule.Preparation;
import org.panoptim.rule.UpdateRule;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.reflect.AccessFlag;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Whoever hands null to a public method is told which argument it was: every method and constructor
 * of the packages exported to all is called with null for one argument after another, and with a
 * list or an array that has null in it.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class NullArgumentsTest {

    /** What backends are made of: they are called with what the library has checked. */
    private static final Set<String> FOR_BACKENDS =
            Set.of("org.panoptim.spi", "org.panoptim.matrix");

    /** What rules answer to those that run them, some of it for every parameter of every step. */
    private static final Set<String> ANSWERS_OF_RULES =
            Stream.of(UpdateRule.class, Companion.class, LineRule.class, MatrixRule.class)
                    .flatMap(type -> Arrays.stream(type.getDeclaredMethods()))
                    .map(Method::getName)
                    .collect(Collectors.toSet());

    /** What backends make, for every parameter of every step. */
    private static final Set<Class<?>> MADE_BY_BACKENDS = Set.of(Preparation.class);

    private final ApiSamples samples;

    NullArgumentsTest(@TempDir Path folder) {
        samples = new ApiSamples(folder);
    }

    @AfterAll
    void close() {
        samples.close();
    }

    /**
     * A call with null in it.
     *
     * @param place of the bad argument
     * @param bad null, or a list or an array of null
     */
    private record Call(Executable callable, int place, @Nullable Object bad) {

        @Override
        public String toString() {
            return "%s, %s %s"
                    .formatted(
                            callable.toGenericString(),
                            callable.getParameters()[place].getName(),
                            bad == null ? "null" : "with null in it");
        }
    }

    static Stream<Call> calls() throws IOException, URISyntaxException {
        return publicTypes().stream()
                .flatMap(NullArgumentsTest::callables)
                .flatMap(NullArgumentsTest::callsOf);
    }

    private static List<Class<?>> publicTypes() throws IOException, URISyntaxException {
        var classes =
                Path.of(
                        Optimizer.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        ModuleDescriptor module;
        try (var stream = Files.newInputStream(classes.resolve("module-info.class"))) {
            module = ModuleDescriptor.read(stream);
        }
        var types = new ArrayList<Class<?>>();
        for (var exported : module.exports()) {
            if (!exported.isQualified() && !FOR_BACKENDS.contains(exported.source())) {
                types.addAll(publicTypes(classes, exported.source()));
            }
        }
        return types;
    }

    private static List<Class<?>> publicTypes(Path classes, String name) throws IOException {
        var types = new ArrayList<Class<?>>();
        try (var files = Files.list(classes.resolve(name.replace('.', '/')))) {
            for (var file : files.sorted().toList()) {
                var simple = file.getFileName().toString();
                if (simple.endsWith(".class") && !simple.equals("package-info.class")) {
                    var type = type(name + "." + simple.substring(0, simple.length() - 6));
                    // An exception that is made must not fail itself.
                    if (isPublic(type)
                            && !Throwable.class.isAssignableFrom(type)
                            && !MADE_BY_BACKENDS.contains(type)) {
                        types.add(type);
                    }
                }
            }
        }
        return types;
    }

    private static Class<?> type(String name) {
        try {
            return Class.forName(name, false, Optimizer.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new AssertionError(e);
        }
    }

    /** Whether it and what it is nested in are public. */
    private static boolean isPublic(Class<?> type) {
        return Modifier.isPublic(type.getModifiers())
                && (type.getEnclosingClass() == null || isPublic(type.getEnclosingClass()));
    }

    private static Stream<Executable> callables(Class<?> type) {
        var methods =
                Arrays.stream(type.getDeclaredMethods())
                        .filter(method -> !method.isBridge() && !method.isSynthetic())
                        .filter(method -> !Modifier.isAbstract(method.getModifiers()))
                        .filter(method -> !method.getName().equals("equals"))
                        .filter(method -> !(type.isEnum() && method.getName().equals("valueOf")))
                        .filter(method -> !isAnswer(type, method));
        var constructors =
                Arrays.stream(type.getDeclaredConstructors())
                        .filter(constructor -> !constructor.isSynthetic())
                        .filter(_ -> !Modifier.isAbstract(type.getModifiers()));
        return Stream.concat(methods, constructors)
                .filter(callable -> callable.accessFlags().contains(AccessFlag.PUBLIC));
    }

    private static boolean isAnswer(Class<?> type, Method method) {
        return UpdateRule.class.isAssignableFrom(type)
                && !Modifier.isStatic(method.getModifiers())
                && ANSWERS_OF_RULES.contains(method.getName());
    }

    private static Stream<Call> callsOf(Executable callable) {
        var calls = new ArrayList<Call>();
        var parameters = callable.getParameters();
        for (int i = 0; i < parameters.length; i++) {
            var type = parameters[i].getType();
            if (type.isPrimitive()
                    || parameters[i].getAnnotatedType().isAnnotationPresent(Nullable.class)) {
                continue;
            }
            calls.add(new Call(callable, i, null));
            if (type == List.class) {
                calls.add(new Call(callable, i, Collections.singletonList(null)));
            }
            if (type.isArray() && !type.getComponentType().isPrimitive()) {
                calls.add(new Call(callable, i, Array.newInstance(type.getComponentType(), 1)));
            }
        }
        return calls.stream();
    }

    @ParameterizedTest
    @MethodSource("calls")
    void anArgumentThatIsNullIsNamed(Call call) throws ReflectiveOperationException {
        var thrown = thrownBy(call);
        assertThat(thrown).isInstanceOf(NullPointerException.class);
        assertThat(thrown.getMessage())
                .as("the message, which is not the virtual machine's")
                .isNotBlank()
                .doesNotContain("because", "Cannot ");
    }

    private @Nullable Throwable thrownBy(Call call) throws ReflectiveOperationException {
        var callable = call.callable;
        var arguments =
                Arrays.stream(callable.getGenericParameterTypes()).map(samples::of).toArray();
        arguments[call.place] = call.bad;
        try {
            switch (callable) {
                case Constructor<?> constructor -> samples.keep(constructor.newInstance(arguments));
                case Method method ->
                        samples.keep(
                                method.invoke(
                                        Modifier.isStatic(method.getModifiers())
                                                ? null
                                                : samples.of(method.getDeclaringClass()),
                                        arguments));
            }
            return null;
        } catch (InvocationTargetException e) {
            return e.getCause();
        }
    }
}
