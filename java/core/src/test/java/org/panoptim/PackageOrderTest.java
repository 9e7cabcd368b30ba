package org.panoptim;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.constantpool.Utf8Entry;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.StreamSupport;

/** The packages of this module stand on each other in one order, without cycles. */
class PackageOrderTest {

    /** The packages, the lowest first; each may use those before it. */
    private static final List<String> ORDER =
            List.of(
                    "org.panoptim.internal",
                    "org.panoptim.io",
                    "org.panoptim.shard",
                    "org.panoptim.tensor",
                    "org.panoptim.memory",
                    "org.panoptim.matrix",
                    "org.panoptim.safetensors",
                    "org.panoptim.rule",
                    "org.panoptim.schedule",
                    "org.panoptim.parameter",
                    "org.panoptim.step",
                    "org.panoptim.spi",
                    "org.panoptim.backend",
                    "org.panoptim.reference",
                    "org.panoptim.checkpoint",
                    "org.panoptim.internal.shard",
                    "org.panoptim.internal.checkpoint",
                    "org.panoptim.internal.lbfgs",
                    "org.panoptim",
                    "org.panoptim.monitor");

    /** A class of the library in a class file's names, descriptors and signatures. */
    private static final Pattern CLASS_NAME = Pattern.compile("(org/panoptim(?:/[a-z]+)*)/[A-Z]");

    /** The packages that each package's class files name, itself included. */
    private final Map<String, Set<String>> used = readClassFiles();

    PackageOrderTest() throws IOException, URISyntaxException {}

    private static Map<String, Set<String>> readClassFiles()
            throws IOException, URISyntaxException {
        var location = Optimizer.class.getProtectionDomain().getCodeSource().getLocation();
        var classes = Path.of(location.toURI());
        var packages = new TreeMap<String, Set<String>>();
        try (var files = Files.walk(classes)) {
            for (var file : files.filter(PackageOrderTest::isClass).toList()) {
                var folder = classes.relativize(file.getParent()).toString();
                packages.computeIfAbsent(packageName(folder), _ -> new TreeSet<>())
                        .addAll(packagesIn(file));
            }
        }
        return packages;
    }

    private static boolean isClass(Path file) {
        var name = file.getFileName().toString();
        return name.endsWith(".class") && !name.equals("module-info.class");
    }

    private static Set<String> packagesIn(Path file) throws IOException {
        var packages = new TreeSet<String>();
        var constants = ClassFile.of().parse(file).constantPool();
        StreamSupport.stream(constants.spliterator(), false)
                .filter(Utf8Entry.class::isInstance)
                .map(entry -> CLASS_NAME.matcher(((Utf8Entry) entry).stringValue()))
                .forEach(
                        matcher -> {
                            while (matcher.find()) {
                                packages.add(packageName(matcher.group(1)));
                            }
                        });
        return packages;
    }

    private static String packageName(String folder) {
        return folder.replaceAll("[/\\\\]", ".");
    }

    @Test
    void everyPackageHasItsRankInTheOrder() {
        assertThat(used.keySet()).containsExactlyInAnyOrderElementsOf(ORDER);
    }

    @Test
    void noPackageUsesOneThatStandsAboveIt() {
        var upwards = new TreeSet<String>();
        used.forEach(
                (user, packages) -> {
                    for (var other : packages) {
                        if (ORDER.indexOf(other) > ORDER.indexOf(user)) {
                            upwards.add(user + " uses " + other);
                        }
                    }
                });
        assertThat(upwards).isEmpty();
    }

    /** So that the reading of the class files is known to see what they use. */
    @Test
    void theOptimizerStandsOnTheOthers() {
        assertThat(used.get("org.panoptim"))
                .contains(
                        "org.panoptim.backend",
                        "org.panoptim.internal.checkpoint",
                        "org.panoptim.memory",
                        "org.panoptim.parameter",
                        "org.panoptim.rule",
                        "org.panoptim.schedule",
                        "org.panoptim.spi",
                        "org.panoptim.step",
                        "org.panoptim.tensor");
    }
}
