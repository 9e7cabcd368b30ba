import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipFile;

/** The program behind scripts/licenses, which says what it does. */
final class Licenses {

    /** Texts that authors put into their jars, those of a WebJar beside what it has packed. */
    private static final Pattern OWN =
            Pattern.compile(
                    "(META-INF/(resources/webjars/[^/]+/[^/]+/)?)?(LICEN[SC]E|NOTICE|COPYING)([.-][^/]*)?",
                    Pattern.CASE_INSENSITIVE);

    /** Name, version and classifier of a jar. */
    private static final Pattern JAR = Pattern.compile("(.+?)-\\d.*\\.jar");

    private final Path project;
    private final Path out;
    private final Map<String, List<String>> table = new LinkedHashMap<>();

    private Licenses(Path project, Path out) throws IOException {
        this.project = project;
        this.out = out;
        for (var line : Files.readAllLines(project.resolve("licenses/jars.txt"))) {
            var words = line.replaceFirst("#.*", "").strip().split("\\s+");
            if (!words[0].isEmpty()) {
                table.put(words[0], List.of(words).subList(1, words.length));
            }
        }
    }

    /** Arguments: the project's folder, where to write, and the folders of jars. */
    public static void main(String[] arguments) throws IOException {
        var licenses = new Licenses(Path.of(arguments[0]), Path.of(arguments[1]));
        licenses.clear();
        var lacking = new ArrayList<String>();
        for (var folder : List.of(arguments).subList(2, arguments.length)) {
            try (var jars = Files.newDirectoryStream(Path.of(folder), "*.jar")) {
                for (var jar : jars) {
                    if (licenses.collect(jar) == 0) {
                        lacking.add(jar.getFileName().toString());
                    }
                }
            }
        }
        for (var jar : lacking) {
            System.err.println(
                    "no licence text for "
                            + jar
                            + ": there is none in it, and licenses/jars.txt names none");
        }
        System.exit(lacking.isEmpty() ? 0 : 1);
    }

    private void clear() throws IOException {
        if (Files.exists(out)) {
            try (Stream<Path> files = Files.walk(out)) {
                for (var file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Copies the texts for a jar; returns how many. */
    private int collect(Path jar) throws IOException {
        var name = jar.getFileName().toString();
        var folder = out.resolve(name.substring(0, name.length() - ".jar".length()));
        int count = 0;
        try (var zip = new ZipFile(jar.toFile())) {
            for (var entry : zip.stream().toList()) {
                if (OWN.matcher(entry.getName()).matches() && entry.getSize() > 0) {
                    var file = entry.getName().substring(entry.getName().lastIndexOf('/') + 1);
                    try (var text = zip.getInputStream(entry)) {
                        Files.createDirectories(folder);
                        Files.copy(text, folder.resolve(file));
                    }
                    // A notice is no licence.
                    count += file.toUpperCase().startsWith("NOTICE") ? 0 : 1;
                }
            }
        }
        var matcher = JAR.matcher(name);
        for (var text : matcher.matches() ? texts(matcher.group(1)) : List.<String>of()) {
            var file = project.resolve(text.equals("LICENSE") ? text : "licenses/" + text);
            Files.createDirectories(folder);
            Files.copy(file, folder.resolve(text), StandardCopyOption.REPLACE_EXISTING);
            count++;
        }
        return count;
    }

    private List<String> texts(String artifact) {
        return table.getOrDefault(artifact, List.of());
    }
}
