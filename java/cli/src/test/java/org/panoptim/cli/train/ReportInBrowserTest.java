package org.panoptim.cli.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.cli.page.Browser;
import org.panoptim.cli.run.Run;
import org.panoptim.cli.train.Outcome.Moment;
import org.panoptim.cli.train.Outcome.Movement;
import org.panoptim.cli.train.Outcome.Point;
import org.panoptim.cli.train.Training.Settings;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/** The page as its readers have it, where this machine has a Chromium. */
class ReportInBrowserTest {

    private static final String HOSTILE =
            "=x\"'</script><img src=x onerror=hacked=1><b>{{command}}<wbr>";

    private static final List<String> CHARTS =
            List.of("loss", "accuracy", "gradients", "updates", "rates");

    @TempDir private static Path folder;

    private static Browser browser;
    private static Path page;
    private static String look;

    @BeforeAll
    static void start() throws Exception {
        var program = Browser.program();
        assumeTrue(program.isPresent(), "there is no Chromium on the PATH to open pages with");
        look = resource("look.js");
        page = folder.resolve("page.html");
        write(page, outcome("adamw", 1), outcome(HOSTILE, 2), silent("torch-adamw", 3));
        browser = new Browser(program.get(), Files.createDirectory(folder.resolve("profile")));
        browser.saveTo(folder);
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.close();
        }
    }

    private static String resource(String name) throws Exception {
        try (var file =
                Objects.requireNonNull(ReportInBrowserTest.class.getResourceAsStream(name))) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static void write(Path file, Outcome... outcomes) throws Exception {
        var choices = List.of(outcomes).stream().map(Outcome::choice).toList();
        var settings = new Settings(choices, 10, 32, List.of(1L));
        Reports.write(file, settings, "some backend", List.of(outcomes));
    }

    /** Ten epochs of ten steps; the k-th is k times as slow and as good as the first. */
    private static Outcome outcome(String name, int k) {
        return outcome(
                name,
                k,
                IntStream.rangeClosed(1, 50)
                        .mapToObj(i -> new Movement(at(2 * i, k), .1 * k, 3.0 * k / i, .01 / i))
                        .toList());
    }

    private static Outcome silent(String name, int k) {
        return outcome(name, k, List.of());
    }

    private static Outcome outcome(String name, int k, List<Movement> movements) {
        var setup = OptimizerChoice.of(OptimizerEntry.parse("sgd"), 32).setup();
        return new Outcome(
                new OptimizerChoice(name, setup, false),
                1,
                IntStream.rangeClosed(0, 10)
                        .mapToObj(i -> new Point(at(10 * i, k), 2.0 / k / (1 + i), i / (10. + k)))
                        .toList(),
                movements,
                100,
                Run.End.COMPLETE,
                Duration.ofMillis(9),
                Duration.ofNanos(90_000),
                Duration.ofMillis(1234));
    }

    private static Outcome ofSeed(long seed, Outcome outcome) {
        return new Outcome(
                outcome.choice(),
                seed,
                outcome.curve(),
                outcome.movements(),
                outcome.steps(),
                outcome.end(),
                outcome.inOptimizer(),
                outcome.medianStep(),
                outcome.total());
    }

    private static Moment at(int step, int k) {
        return new Moment(step, step / 10., step * k / 100.);
    }

    @BeforeEach
    void open() {
        open(1280, false);
    }

    private static void open(int width, boolean dark) {
        browser.open(page, width, dark);
        browser.evaluate(look);
    }

    private static List<String> ticks(String chart, String axis) {
        return browser.texts("look.ticks('%s', '%s')".formatted(chart, axis));
    }

    private static List<String> values(String chart) {
        return browser.texts("look.values('%s')".formatted(chart));
    }

    private static String where(String chart) {
        return browser.text("look.where('%s')".formatted(chart));
    }

    /** How many dots there are of a curve, counted from 1. */
    private static double dots(String chart, int curve) {
        return browser.number("look.dots('%s', %d)".formatted(chart, curve));
    }

    private static String plot(String chart) {
        return "#" + chart + " .u-over";
    }

    private static double number(String tick) {
        return Double.parseDouble(tick.replace(",", ""));
    }

    @ParameterizedTest
    @CsvSource({"1280, false", "1280, true", "400, false", "400, true"})
    void allTextCanBeReadInAnyWindow(int width, boolean dark) throws Exception {
        open(width, dark);
        browser.evaluate("document.querySelector('details').open = true");

        assertThat(browser.number("document.documentElement.scrollWidth - innerWidth"))
                .isLessThanOrEqualTo(0);
        assertThat(browser.texts("look.beyond()")).isEmpty();
        assertThat(browser.number("look.count()")).isGreaterThan(120);
        assertThat(browser.texts("look.small(11)")).isEmpty();
        assertThat(browser.texts("look.faint(4.5)")).isEmpty();
        assertThat(browser.texts("look.faintCurves(3)")).isEmpty();
        assertThat(browser.problems()).isEmpty();
    }

    @Test
    void nothingReachesBeyondAWindowOfAnyWidth() {
        for (int width : new int[] {320, 360, 500, 640, 769, 900, 1025, 1600}) {
            browser.width(width);

            assertThat(browser.texts("look.beyond()")).as("at %d", width).isEmpty();
        }
    }

    @Test
    void aWindowMadeNarrowTakesTheChartsWithIt() {
        browser.width(400);

        assertThat(browser.number("document.querySelector('#loss canvas').clientWidth"))
                .isBetween(250.0, 400.0);
        assertThat(browser.texts("look.beyond()")).isEmpty();
    }

    @Test
    void tablesFoldWhereThePageIsNarrow() {
        var cell = "getComputedStyle(document.querySelector('td'), '::before').content";
        assertThat(browser.text(cell)).isEqualTo("none");
        browser.width(400);
        assertThat(browser.text(cell)).isEqualTo("\"Final loss\"");
    }

    @Test
    void thePointerReadsTheValuesOfAllChartsAtOnePlace() {
        assertThat(where("loss")).isEqualTo("At the end");
        assertThat(values("loss")).containsExactly("0.1818", "0.09091", "0.06061");

        browser.hover(plot("loss"), .5);

        assertThat(where("loss")).isEqualTo("Steps: 50");
        assertThat(values("loss")).containsExactly("0.3333", "0.1667", "0.1111");
        assertThat(where("gradients")).isEqualTo("Steps: 50");
        assertThat(values("gradients")).containsExactly("0.12", "0.24");
        assertThat(values("rates")).containsExactly("0.1", "0.2");

        browser.hover("h1", .5);

        assertThat(where("loss")).isEqualTo("At the end");
    }

    @Test
    void aNameHidesItsCurveInAllCharts() {
        assertThat(dots("loss", 1)).isGreaterThan(300);
        assertThat(dots("gradients", 1)).isGreaterThan(300);
        assertThat(dots("loss", 2)).isGreaterThan(200);

        browser.click("#loss .legend li:first-child button", 1);
        browser.hover("h1", .5);

        assertThat(dots("loss", 1)).isZero();
        assertThat(dots("gradients", 1)).isZero();
        assertThat(dots("loss", 2)).isGreaterThan(200);
        assertThat(
                        browser.text(
                                "document.querySelector('#rates"
                                        + " button[aria-pressed=false]').innerText"))
                .isEqualTo("adamw");

        browser.click("#updates .legend li:first-child button", 1);
        browser.hover("h1", .5);

        assertThat(dots("loss", 1)).isGreaterThan(300);
        assertThat(browser.number("document.querySelectorAll('[aria-pressed=false]').length"))
                .isZero();
    }

    @Test
    void aDragZoomsAndADoubleClickShowsAllAgain() {
        var whole = ticks("loss", "across");
        assertThat(whole).startsWith("0").endsWith("100");
        var heights = ticks("accuracy", "upwards");

        browser.drag(plot("loss"), .5, .7);

        for (var chart : CHARTS) {
            assertThat(ticks(chart, "across"))
                    .hasSizeGreaterThanOrEqualTo(2)
                    .allSatisfy(tick -> assertThat(number(tick)).isBetween(50.0, 70.0));
        }
        assertThat(ticks("accuracy", "upwards")).isNotEqualTo(heights);

        browser.click(plot("loss"), 2);

        assertThat(ticks("loss", "across")).isEqualTo(whole);
        assertThat(ticks("accuracy", "upwards")).isEqualTo(heights);

        browser.drag(plot("updates"), .2, .4);
        assertThat(ticks("loss", "across")).isNotEqualTo(whole);
        browser.click("#loss .reset", 1);

        assertThat(ticks("loss", "across")).isEqualTo(whole);
        assertThat(browser.text("document.querySelector('#loss .reset').checkVisibility() + ''"))
                .isEqualTo("false");
    }

    @Test
    void everyAxisHasTwoMarksHoweverFarOneZooms() {
        for (int depth = 0; depth < 5; depth++) {
            for (var chart : CHARTS) {
                assertThat(ticks(chart, "upwards"))
                        .as("%s at depth %d", chart, depth)
                        .hasSizeGreaterThanOrEqualTo(2);
            }
            browser.drag(plot("updates"), .4, .7);
        }
    }

    @Test
    void theSwitchDrawsAgainstTime() {
        browser.click("#across label:nth-of-type(2)", 1);

        assertThat(
                        browser.texts(
                                "[...document.querySelectorAll('.ticks .title')].map(t =>"
                                        + " t.innerText)"))
                .hasSize(CHARTS.size())
                .containsOnly("Seconds");
        // The third takes three seconds, the first one.
        assertThat(ticks("loss", "across")).startsWith("0").endsWith("3");
        assertThat(where("loss")).isEqualTo("At the end");

        browser.hover(plot("loss"), .48);

        assertThat(where("loss")).isEqualTo("Seconds: 1.4");
        // The first had ended by then; the second was after its 70th step, and the third's nearest
        // is its 50th, at 1.5 s.
        assertThat(values("loss")).containsExactly("–", "0.125", "0.1111");
        assertThat(browser.problems()).isEmpty();
    }

    @Test
    void namesAreTextWhateverTheyLookLike() {
        assertThat(browser.texts("look.names('loss')"))
                .containsExactly("adamw", HOSTILE, "torch-adamw");
        assertThat(browser.text("document.querySelector('tbody tr:nth-child(2) th').textContent"))
                .isEqualTo(HOSTILE);
        assertThat(browser.text("document.title")).contains(HOSTILE);
        assertThat(browser.text("typeof hacked")).isEqualTo("undefined");
        assertThat(browser.number("document.querySelectorAll('img, main b').length")).isZero();
    }

    @Test
    void whatIsNotItsOwnScriptDoesNotRun() {
        browser.evaluate(
                "document.body.append(Object.assign(document.createElement('script'),"
                        + " {textContent: 'globalThis.hacked = 1'}))");

        assertThat(browser.text("typeof hacked")).isEqualTo("undefined");
        assertThat(browser.problems()).singleElement().asString().contains("script-src");
    }

    @Test
    void theDataCanBeSaved() throws Exception {
        browser.click("#save", 1);
        var file = folder.resolve("panoptim-classifier.csv");
        for (int i = 0; i < 300 && !Files.exists(file); i++) {
            Thread.sleep(100);
        }

        var lines = Files.readAllLines(file);
        assertThat(lines.getFirst())
                .isEqualTo(
                        "curve,step,epoch,seconds,loss,accuracy_percent,learning_rate,gradient_norm,"
                            + "update_ratio");
        // 11 evaluations each, and what 50 steps of two of them did.
        assertThat(lines).hasSize(1 + 3 * 11 + 2 * 50);
        assertThat(lines)
                .contains("\"adamw\",10,1,0.1,1,9.090909,,,")
                .contains("\"adamw\",4,0.4,0.04,,,0.1,1.5,0.005")
                // A spreadsheet must not take it for a formula.
                .anyMatch(line -> line.startsWith("\"'=x\"\"'</script>"));
    }

    @Test
    void theAreaBetweenSeedsIsDrawnAndGoesWithItsCurve() throws Exception {
        // The edges of lines are not quite of their colour.
        assertThat(browser.number("look.area('loss')")).isLessThan(800);
        var file = folder.resolve("seeds.html");
        // Of the first the second seed is twice as good; of the other there is one alone.
        write(file, outcome("adamw", 1), ofSeed(2, outcome("adamw", 2)), outcome("sgd", 3));
        browser.open(file, 1280, false);
        browser.evaluate(look);

        assertThat(browser.problems()).isEmpty();
        assertThat(browser.number("look.area('loss')")).isGreaterThan(2000);
        assertThat(browser.number("look.area('accuracy')")).isGreaterThan(500);
        // The mean of the first, and what the other has.
        assertThat(values("loss")).containsExactly("0.1364", "0.06061");
        assertThat(browser.texts("look.names('loss')")).containsExactly("adamw", "sgd");

        browser.click("#accuracy .legend li:first-child button", 1);
        browser.hover("h1", .5);

        assertThat(browser.number("look.area('loss')")).isLessThan(800);
    }

    @Test
    void theCurvesFollowAChangeToTheDark() {
        browser.dark(true);
        browser.settle();

        // By the colours that the page has now.
        assertThat(dots("loss", 1)).isGreaterThan(300);
    }

    @Test
    void nothingToDrawIsNoError() throws Exception {
        var file = folder.resolve("diverged.html");
        var diverged = silent("sgd", 1);
        write(
                file,
                new Outcome(
                        diverged.choice(),
                        1,
                        List.of(new Point(at(0, 1), Double.NaN, Double.NaN)),
                        List.of(),
                        1,
                        Run.End.DIVERGED,
                        Duration.ZERO,
                        Duration.ZERO,
                        Duration.ZERO));
        browser.open(file, 400, false);

        assertThat(browser.problems()).isEmpty();
        assertThat(browser.text("document.querySelector('#accuracy .value')?.textContent ?? ''"))
                .isEmpty();
        assertThat(browser.text("document.querySelector('#loss figcaption').textContent"))
                .endsWith("No value of sgd can be drawn: none is finite and positive.");
    }
}
