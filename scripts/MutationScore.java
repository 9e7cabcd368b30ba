import org.w3c.dom.Element;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.xml.parsers.DocumentBuilderFactory;

/** The program behind scripts/mutation-score, which says what it does. */
final class MutationScore {

    private static final double LEAST = 0.97;
    private static final String REPORT = "target/pit-reports/mutations.xml";

    /**
     * A changed piece of code.
     *
     * @param location class and method
     * @param mutator what kind of change
     * @param line its line's text, which stays when lines are added above
     */
    private record Mutant(String location, String mutator, String line) {

        @Override
        public String toString() {
            return location + " | " + mutator + " | " + line;
        }
    }

    private final Path module;

    /** Mutants that change nothing that can be seen, as the file's lines. */
    private final List<String> equivalent = new ArrayList<>();

    /**
     * Where sources lie: the module's own first, then those of the modules beside it and below
     * java/.
     */
    private final List<Path> folders;

    private final Map<Path, List<String>> sources = new LinkedHashMap<>();

    private final List<Element> mutations;

    private MutationScore(Path module) throws Exception {
        this.module = module;
        this.mutations = mutations(module.resolve(REPORT));
        this.folders = folders(module.toRealPath());
        var file = module.resolve("src/test/equivalent-mutants.txt");
        if (Files.exists(file)) {
            for (var line : Files.readAllLines(file)) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    equivalent.add(line.replaceFirst("^.*? # ", "").strip());
                }
            }
        }
    }

    /** Argument: the module's folder. */
    public static void main(String[] arguments) throws Exception {
        var report = Path.of(arguments[0]).resolve(REPORT);
        if (Files.notExists(report) || Files.size(report) == 0) {
            System.err.println(report + ": pitest has written no report");
            System.exit(1);
        }
        System.exit(new MutationScore(Path.of(arguments[0])).run());
    }

    private int run() throws Exception {
        int killed = 0;
        int counted = 0;
        var survivors = new ArrayList<String>();
        var unused = new ArrayList<>(equivalent);
        // Survivors first: what a busy machine had no time for may be equivalent too.
        var ordered =
                Stream.concat(
                                mutations.stream().filter(each -> !isDead(each)),
                                mutations.stream().filter(MutationScore::isDead))
                        .toList();
        for (var element : ordered) {
            boolean dead = isDead(element);
            boolean failed = element.getAttribute("status").equals("KILLED");
            var mutant = failed ? "" : mutant(element).toString();
            // A line stands for one mutant: two of one text may not both be equivalent.
            if (!failed && unused.remove(mutant)) {
                continue;
            }
            counted++;
            killed += dead ? 1 : 0;
            if (!dead) {
                survivors.add(element.getAttribute("status").toLowerCase() + ": " + mutant);
            }
        }
        survivors.forEach(System.out::println);
        System.out.printf(
                "%s: %d of %d mutants killed (%.1f %%), %d equivalent ones left out%n",
                module.getFileName(),
                killed,
                counted,
                100.0 * killed / Math.max(1, counted),
                equivalent.size() - unused.size());
        // Nothing is known of classes that were left out this time.
        var stale = unused.stream().filter(this::lookedAt).toList();
        stale.forEach(line -> System.err.println("equivalent-mutants.txt: no such one: " + line));
        if (counted == 0 || killed < LEAST * counted) {
            System.err.printf("fewer than %.0f %% of the mutants are killed%n", 100 * LEAST);
            return 1;
        }
        return stale.isEmpty() ? 0 : 1;
    }

    private static List<Path> folders(Path module) throws IOException {
        var modules = new ArrayList<>(List.of(module));
        for (var beside : List.of(module.resolve(".."), module.resolve("../java"))) {
            if (Files.isDirectory(beside)) {
                try (var all = Files.list(beside.toRealPath())) {
                    all.sorted().forEach(modules::add);
                }
            }
        }
        return modules.stream().map(each -> each.resolve("src/main/java")).toList();
    }

    private static boolean isDead(Element mutation) {
        return Boolean.parseBoolean(mutation.getAttribute("detected"));
    }

    private boolean lookedAt(String line) {
        return mutations.stream().anyMatch(each -> line.startsWith(location(each) + " | "));
    }

    private static List<Element> mutations(Path report) throws Exception {
        var all =
                DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(report.toFile())
                        .getElementsByTagName("mutation");
        return IntStream.range(0, all.getLength()).mapToObj(i -> (Element) all.item(i)).toList();
    }

    private static String location(Element mutation) {
        return text(mutation, "mutatedClass") + "." + text(mutation, "mutatedMethod");
    }

    private Mutant mutant(Element mutation) throws Exception {
        var name = text(mutation, "mutator");
        return new Mutant(
                location(mutation), name.substring(name.lastIndexOf('.') + 1), line(mutation));
    }

    private String line(Element mutation) throws Exception {
        var file =
                Path.of(text(mutation, "mutatedClass").replace('.', '/'))
                        .resolveSibling(text(mutation, "sourceFile"));
        for (var folder : folders) {
            var source = folder.resolve(file);
            if (Files.exists(source)) {
                if (!sources.containsKey(source)) {
                    sources.put(source, Files.readAllLines(source));
                }
                int number = Integer.parseInt(text(mutation, "lineNumber"));
                return sources.get(source).get(number - 1).strip();
            }
        }
        return "?";
    }

    private static String text(Element element, String name) {
        return element.getElementsByTagName(name).item(0).getTextContent();
    }
}
