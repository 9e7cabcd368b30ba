package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.panoptim.abi.bindings.PanoptimKfac;
import org.panoptim.abi.bindings.PanoptimMatrix;
import org.panoptim.abi.bindings.PanoptimPlan;
import org.panoptim.abi.bindings.PanoptimTeam;
import org.panoptim.simd.bindings.LibPanoptim;

import java.io.IOException;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.StructLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** The header, jextract's arguments and what jextract made of them name the same things. */
class BindingsTest {

    /** The prefixes that identify structures of the headers that share the plan's package. */
    private static final List<String> PREFIXES =
            List.of("panoptim_kfac_", "panoptim_matrix_", "panoptim_team_");

    private static final String PLAN_PACKAGE = "org.panoptim.abi.bindings.";

    /** A header and what is made of it. */
    private enum Bound {
        PLAN("panoptim_plan", "java/abi", PanoptimPlan.class),
        KRONECKER("panoptim_kfac", "java/abi", PanoptimKfac.class),
        MATRIX("panoptim_matrix", "java/abi", PanoptimMatrix.class),
        TEAM("panoptim_team", "java/abi", PanoptimTeam.class),
        LIBRARY("panoptim", "java/simd", LibPanoptim.class);

        private final String name;
        private final Header header;
        private final Path arguments;
        private final Path sources;
        private final Class<?> binding;

        Bound(String name, String module, Class<?> binding) {
            this.name = name;
            header = Header.read(name + ".h");
            arguments = Checkout.root().resolve("native/bindings/" + name + ".jextract");
            sources =
                    Checkout.root()
                            .resolve(module + "/src/generated/java")
                            .resolve(binding.getPackageName().replace('.', '/'));
            this.binding = binding;
        }

        /** Whether a structure of the package is this header's, by its name. */
        private boolean declares(String struct) {
            var own = name + "_";
            return PREFIXES.contains(own)
                    ? struct.startsWith(own)
                    : PREFIXES.stream().noneMatch(struct::startsWith);
        }

        private List<String> arguments(String kind) throws IOException {
            var option = "--include-" + kind + " ";
            return Files.readAllLines(arguments).stream()
                    .filter(line -> line.startsWith(option))
                    .map(line -> line.substring(option.length()))
                    .toList();
        }
    }

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    /** What the other tests compare with would be empty if the headers were written otherwise. */
    @Test
    void theHeadersAreUnderstood() {
        var plan = Bound.PLAN.header;
        var library = Bound.LIBRARY.header;
        assertThat(plan.constants()).contains("PANOPTIM_ABI", "PANOPTIM_TOTALS", "PANOPTIM_FAIL");
        assertThat(plan.functions()).isEmpty();
        assertThat(plan.structs()).containsKeys("panoptim_plan", "panoptim_group");
        assertThat(plan.structs().get("panoptim_plan")).contains("groups", "schedule", "control");
        assertThat(plan.structs().get("panoptim_tensor")).startsWith("value", "elements");
        assertThat(Bound.KRONECKER.header.structs().get("panoptim_kfac_factor"))
                .containsExactly("buffers", "inverse", "traces", "size", "layer");
        assertThat(library.constants()).contains("PANOPTIM_OK", "PANOPTIM_TIERS");
        assertThat(library.functions()).contains("panoptim_abi", "panoptim_rule_count");
        assertThat(library.structs()).isEmpty();
    }

    @ParameterizedTest
    @EnumSource
    void theArgumentsNameExactlyWhatTheHeaderDeclares(Bound bound) throws IOException {
        assertThat(bound.arguments("constant"))
                .containsExactlyInAnyOrderElementsOf(bound.header.constants());
        assertThat(bound.arguments("function"))
                .containsExactlyInAnyOrderElementsOf(bound.header.functions());
        assertThat(bound.arguments("struct"))
                .containsExactlyInAnyOrderElementsOf(bound.header.structs().keySet());
    }

    /** jextract ignores an unknown name without an error. */
    @ParameterizedTest
    @EnumSource
    void theBindingsHaveExactlyWhatTheHeaderDeclares(Bound bound) {
        var expected = new ArrayList<>(bound.header.constants());
        expected.addAll(bound.header.functions());
        assertThat(
                        publicMethods(bound.binding)
                                .map(Method::getName)
                                .filter(name -> !name.contains("$"))
                                .distinct())
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    @ParameterizedTest
    @EnumSource
    void everyStructHasABindingAndEveryBindingAStruct(Bound bound) throws IOException {
        try (var files = Files.list(bound.sources)) {
            assertThat(
                            files.map(file -> file.getFileName().toString().replace(".java", ""))
                                    .filter(name -> name.startsWith("panoptim_"))
                                    // Types of functions, which are arguments of others.
                                    .filter(name -> !name.contains("$"))
                                    .filter(bound::declares))
                    .containsExactlyInAnyOrderElementsOf(bound.header.structs().keySet());
        }
        for (var name : bound.header.structs().keySet()) {
            assertThat(layout(name)).as(name).isNotNull();
        }
    }

    /** A program compiled here says what the C compiler makes of the header. */
    @Test
    void constantsSizesAndOffsetsAreThoseOfTheCompiledHeader(@TempDir Path folder)
            throws IOException, InterruptedException {
        var compiled = new ArrayList<String>();
        var known = new ArrayList<String>();
        for (var bound : Bound.values()) {
            compiled.addAll(outputOf(compile(folder, program(bound.header))));
            known.addAll(known(bound));
        }
        assertThat(compiled).isEqualTo(known);
    }

    private static List<String> known(Bound bound) {
        var known = new ArrayList<String>();
        for (var name : bound.header.constants()) {
            known.add(name + " " + constant(bound, name));
        }
        for (var name : bound.header.structs().keySet()) {
            var layout = layout(name);
            known.add(name + " " + layout.byteSize());
            for (var member : layout.memberLayouts()) {
                member.name().ifPresent(field -> known.add(described(name, layout, field, member)));
            }
        }
        return known;
    }

    private static String described(
            String struct, StructLayout layout, String field, MemoryLayout member) {
        long offset = layout.byteOffset(PathElement.groupElement(field));
        return struct + "." + field + " " + offset + " " + member.byteSize();
    }

    private static String program(Header header) {
        var lines = new ArrayList<String>();
        lines.add("#include <cstddef>");
        lines.add("#include <cstdio>");
        lines.add("#include \"panoptim.h\"");
        lines.add("#include \"panoptim_kfac.h\"");
        lines.add("#include \"panoptim_matrix.h\"");
        lines.add("#include \"panoptim_team.h\"");
        lines.add("int main() {");
        for (var name : header.constants()) {
            lines.add("std::printf(\"%s %d\\n\", \"" + name + "\", int(" + name + "));");
        }
        header.structs()
                .forEach(
                        (struct, members) -> {
                            lines.add(
                                    "std::printf(\"%s %zu\\n\", \""
                                            + struct
                                            + "\", sizeof("
                                            + struct
                                            + "));");
                            for (var member : members) {
                                lines.add(
                                        "std::printf(\"%s.%s %zu %zu\\n\", \""
                                                + struct
                                                + "\", \""
                                                + member
                                                + "\", offsetof("
                                                + struct
                                                + ", "
                                                + member
                                                + "), sizeof("
                                                + struct
                                                + "::"
                                                + member
                                                + "));");
                            }
                        });
        lines.add("}");
        return String.join("\n", lines);
    }

    private static Path compile(Path folder, String program)
            throws IOException, InterruptedException {
        var source = Files.writeString(folder.resolve("layout.cpp"), program);
        var result = folder.resolve("layout");
        var log =
                Commands.run(
                        "g++",
                        "-I",
                        Header.folder().toString(),
                        source.toString(),
                        "-o",
                        result.toString());
        assertThat(log.status()).as(log.output()).isZero();
        return result;
    }

    private static List<String> outputOf(Path program) throws IOException, InterruptedException {
        return Commands.run(program.toString()).output().lines().toList();
    }

    private static Stream<Method> publicMethods(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()));
    }

    private static int constant(Bound bound, String name) {
        try {
            return (int) bound.binding.getMethod(name).invoke(null);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    static StructLayout layout(String struct) {
        try {
            return (StructLayout)
                    Class.forName(PLAN_PACKAGE + struct).getMethod("layout").invoke(null);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
