package org.panoptim.simd;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
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

    private static final String PACKAGE = "org.panoptim.simd.bindings.";

    private final Header header = Header.read();

    @BeforeAll
    static void loadTheLibrary() {
        assertThat(SimdBackend.usableTiers()).isNotEmpty();
    }

    /** What the other tests compare with would be empty if the header were written otherwise. */
    @Test
    void theHeaderIsUnderstood() {
        assertThat(header.constants()).contains("PANOPTIM_ABI", "PANOPTIM_TOTALS", "PANOPTIM_FAIL");
        assertThat(header.functions()).contains("panoptim_abi", "panoptim_update");
        assertThat(header.functions()).contains("panoptim_rule_name");
        assertThat(header.structs()).containsKeys("panoptim_plan", "panoptim_sgd_hyper");
        assertThat(header.structs().get("panoptim_plan")).contains("groups", "schedule", "control");
        assertThat(header.structs().get("panoptim_tensor")).startsWith("value", "slots");
    }

    @Test
    void theArgumentsNameExactlyWhatTheHeaderDeclares() throws IOException {
        assertThat(arguments("constant")).containsExactlyInAnyOrderElementsOf(header.constants());
        assertThat(arguments("function")).containsExactlyInAnyOrderElementsOf(header.functions());
        assertThat(arguments("struct"))
                .containsExactlyInAnyOrderElementsOf(header.structs().keySet());
    }

    /** jextract ignores an unknown name without an error. */
    @Test
    void theBindingsHaveExactlyWhatTheHeaderDeclares() {
        var expected = new ArrayList<>(header.constants());
        expected.addAll(header.functions());
        assertThat(
                        publicMethods(LibPanoptim.class)
                                .map(Method::getName)
                                .filter(name -> !name.contains("$"))
                                .distinct())
                .containsExactlyInAnyOrderElementsOf(expected);
    }

    @Test
    void everyStructHasABindingAndEveryBindingAStruct() throws IOException {
        var sources =
                Checkout.root().resolve("java/simd/src/generated/java/org/panoptim/simd/bindings");
        try (var files = Files.list(sources)) {
            assertThat(
                            files.map(file -> file.getFileName().toString().replace(".java", ""))
                                    .filter(name -> name.startsWith("panoptim_")))
                    .containsExactlyInAnyOrderElementsOf(header.structs().keySet());
        }
        for (var name : header.structs().keySet()) {
            assertThat(layout(name)).as(name).isNotNull();
        }
    }

    /** A program compiled here says what the C compiler makes of the header. */
    @Test
    void constantsSizesAndOffsetsAreThoseOfTheCompiledHeader(@TempDir Path folder)
            throws IOException, InterruptedException {
        var compiled = outputOf(compile(folder, program()));
        var bound = new ArrayList<String>();
        for (var name : header.constants()) {
            bound.add(name + " " + constant(name));
        }
        for (var name : header.structs().keySet()) {
            var layout = layout(name);
            bound.add(name + " " + layout.byteSize());
            for (var member : layout.memberLayouts()) {
                member.name().ifPresent(field -> bound.add(described(name, layout, field, member)));
            }
        }
        assertThat(compiled).isEqualTo(bound);
    }

    private static String described(
            String struct, StructLayout layout, String field, MemoryLayout member) {
        long offset = layout.byteOffset(PathElement.groupElement(field));
        return struct + "." + field + " " + offset + " " + member.byteSize();
    }

    private String program() {
        var lines = new ArrayList<String>();
        lines.add("#include <cstddef>");
        lines.add("#include <cstdio>");
        lines.add("#include \"panoptim.h\"");
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
                        Header.file().getParent().toString(),
                        source.toString(),
                        "-o",
                        result.toString());
        assertThat(log.status()).as(log.output()).isZero();
        return result;
    }

    private static List<String> outputOf(Path program) throws IOException, InterruptedException {
        return Commands.run(program.toString()).output().lines().toList();
    }

    private static List<String> arguments(String kind) throws IOException {
        var option = "--include-" + kind + " ";
        return Files.readAllLines(Checkout.root().resolve("native/bindings/panoptim.jextract"))
                .stream()
                .filter(line -> line.startsWith(option))
                .map(line -> line.substring(option.length()))
                .toList();
    }

    private static Stream<Method> publicMethods(Class<?> type) {
        return Arrays.stream(type.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()));
    }

    private static int constant(String name) {
        try {
            return (int) LibPanoptim.class.getMethod(name).invoke(null);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    static StructLayout layout(String struct) {
        try {
            return (StructLayout) Class.forName(PACKAGE + struct).getMethod("layout").invoke(null);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }
}
