package org.panoptim.tests.packaged;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.panoptim.tests.Project;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/** What the command line carries: a list of it, and the licence texts. */
@Tag("packaged")
class SupplyTest {

    private static final Path TARGET = Project.root().resolve("java/cli/target");

    @TempDir Path folder;

    @Test
    void everyLibraryComesWithTheTextOfItsLicence() throws Exception {
        assertThat(libraries())
                .isNotEmpty()
                .allSatisfy(
                        jar ->
                                assertThat(files(TARGET.resolve("licenses").resolve(stem(jar))))
                                        .anySatisfy(
                                                text ->
                                                        assertThat(text)
                                                                .isNotEmptyFile()
                                                                .matches(file -> !isNotice(file))));
    }

    private static boolean isNotice(Path file) {
        return file.getFileName().toString().startsWith("NOTICE");
    }

    @Test
    void aLibraryWithoutALicenceTextIsRefusedByName() throws Exception {
        var jars = Files.createDirectory(folder.resolve("jars"));
        jar(jars.resolve("told-1.0.jar"), Map.of("META-INF/LICENSE.txt", "Do as you like."));
        jar(
                jars.resolve("packed-1.0.jar"),
                Map.of("META-INF/resources/webjars/packed/1.0/LICENSE", "Do as you will."));
        jar(jars.resolve("untold-1.0.jar"), Map.of("META-INF/NOTICE", "It is mine."));

        var outcome = collect(jars);

        assertThat(outcome.status()).isEqualTo(1);
        assertThat(outcome.said())
                .startsWith("no licence text for untold-1.0.jar: ")
                .hasLineCount(1);
        assertThat(folder.resolve("licenses/told-1.0/LICENSE.txt")).hasContent("Do as you like.");
        assertThat(folder.resolve("licenses/packed-1.0/LICENSE")).hasContent("Do as you will.");
    }

    @Test
    void aTextOfTheProjectIsTakenForALibraryWithoutOne() throws Exception {
        var jars = Files.createDirectory(folder.resolve("jars"));
        jar(jars.resolve("jcuda-natives-99.1-linux-x86_64.jar"), Map.of("a", "b"));

        assertThat(collect(jars)).isEqualTo(new Outcome(0, ""));
        assertThat(folder.resolve("licenses/jcuda-natives-99.1-linux-x86_64/jcuda.txt"))
                .hasSameTextualContentAs(Project.root().resolve("licenses/jcuda.txt"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"panoptim-natives", "panoptim-kernels"})
    void whatFollowsFdlibmComesWithItsNotice(String name) throws Exception {
        var notice = Project.root().resolve("licenses/fdlibm.txt");

        assertThat(libraries())
                .filteredOn(jar -> jar.getFileName().toString().startsWith(name + "-"))
                .singleElement()
                .satisfies(
                        jar -> {
                            assertThat(TARGET.resolve("licenses").resolve(stem(jar)))
                                    .isDirectoryContaining("glob:**/fdlibm.txt");
                            try (var zip = new ZipFile(jar.toFile())) {
                                var entry = zip.getEntry("META-INF/licenses/fdlibm.txt");
                                assertThat(zip.getInputStream(entry))
                                        .hasBinaryContent(Files.readAllBytes(notice));
                            }
                        });
    }

    @Test
    void theListNamesEveryLibraryAndNothingElse() throws Exception {
        var jars = libraries().stream().map(jar -> jar.getFileName().toString()).toList();

        assertThat(components().map(SupplyTest::file)).containsExactlyInAnyOrderElementsOf(jars);
    }

    @Test
    void everyLibraryInTheListHasAChecksumAndALicenceAndNoneIsTheLgpl() throws Exception {
        assertThat(components().toList())
                .allSatisfy(
                        component -> {
                            assertThat(component.getAsJsonArray("hashes")).isNotEmpty();
                            assertThat(component.getAsJsonArray("licenses")).isNotEmpty();
                            assertThat(component.get("licenses").toString())
                                    .doesNotContainIgnoringCase("lgpl", "lesser");
                        });
    }

    @Test
    void theListDoesNotDependOnTheTime() throws Exception {
        assertThat(list().has("serialNumber")).isFalse();
        assertThat(list().getAsJsonObject("metadata").has("timestamp")).isFalse();
    }

    private static List<Path> libraries() throws IOException {
        return files(TARGET.resolve("lib"));
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    private static String stem(Path jar) {
        return jar.getFileName().toString().replaceFirst("\\.jar$", "");
    }

    private static JsonObject list() throws IOException {
        var list = TARGET.resolve("sbom.cdx.json");
        assumeTrue(Files.exists(list), "Maven leaves the list out when it is offline");
        return JsonParser.parseString(Files.readString(list)).getAsJsonObject();
    }

    private static Stream<JsonObject> components() throws IOException {
        return list().getAsJsonArray("components").asList().stream()
                .map(JsonElement::getAsJsonObject);
    }

    /** The jar's name after pkg:maven/GROUP/NAME@VERSION?classifier=CLASSIFIER&amp;type=jar. */
    private static String file(JsonObject component) {
        return component
                        .get("purl")
                        .getAsString()
                        .replaceFirst("^pkg:maven/[^/]*/", "")
                        .replace('@', '-')
                        .replaceFirst("\\?(classifier=([^&]*)&)?type=jar$", "-$2")
                        .replaceFirst("-$", "")
                + ".jar";
    }

    private static void jar(Path file, Map<String, String> entries) throws IOException {
        try (var jar = new ZipOutputStream(Files.newOutputStream(file))) {
            for (var entry : entries.entrySet()) {
                jar.putNextEntry(new ZipEntry(entry.getKey()));
                jar.write(entry.getValue().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    private record Outcome(int status, String said) {}

    private Outcome collect(Path jars) throws IOException, InterruptedException {
        var builder =
                new ProcessBuilder(
                                Project.root().resolve("scripts/licenses").toString(),
                                folder.resolve("licenses").toString(),
                                jars.toString())
                        .redirectErrorStream(true);
        builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        var process = builder.start();
        var said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Outcome(process.waitFor(), said);
    }
}
