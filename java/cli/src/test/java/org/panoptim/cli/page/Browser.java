package org.panoptim.cli.page;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpClient.Builder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Chromium without a window, with one page, driven through the DevTools protocol. */
public final class Browser implements AutoCloseable {

    private static final List<String> NAMES =
            List.of("chromium", "chromium-browser", "google-chrome", "google-chrome-stable");
    private static final Pattern ADDRESS =
            Pattern.compile("DevTools listening on ws://([\\d.]+:\\d+)/");
    private static final int SECONDS = 60;

    private final Process process;
    private final HttpClient client;
    private final WebSocket socket;
    private final Map<Integer, CompletableFuture<JsonObject>> answers = new ConcurrentHashMap<>();
    private final List<String> problems = new CopyOnWriteArrayList<>();
    private int calls;

    /** The program of this machine, if it has one. */
    public static Optional<Path> program() {
        return Stream.of(System.getenv("PATH").split(File.pathSeparator))
                .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /**
     * Starts one.
     *
     * @param profile an empty folder for it to write to
     */
    public Browser(Path program, Path profile) throws Exception {
        var builder =
                new ProcessBuilder(
                                program.toString(),
                                "--headless=new",
                                "--no-sandbox",
                                "--disable-gpu",
                                "--disable-dev-shm-usage",
                                "--no-first-run",
                                "--remote-debugging-port=0",
                                "--user-data-dir=" + profile,
                                "about:blank")
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        // What it leaves behind lies there too.
        builder.environment().put("TMPDIR", profile.toString());
        process = builder.start();
        try {
            client = HttpClient.newBuilder().proxy(Builder.NO_PROXY).build();
            socket =
                    client.newWebSocketBuilder()
                            .buildAsync(page(address(process.errorReader())), new Answers())
                            .get(SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            process.destroyForcibly();
            throw e;
        }
        call("Page.enable", Map.of());
        call("Runtime.enable", Map.of());
        call("Log.enable", Map.of());
    }

    private static String address(BufferedReader messages) throws IOException {
        for (var line = messages.readLine(); line != null; line = messages.readLine()) {
            var found = ADDRESS.matcher(line);
            if (found.find()) {
                // What else it says must not fill the pipe.
                Thread.ofVirtual().start(() -> messages.lines().forEach(ignored -> {}));
                return found.group(1);
            }
        }
        throw new IOException("the browser ended without saying where it listens");
    }

    private URI page(String address) throws Exception {
        var request = HttpRequest.newBuilder(URI.create("http://" + address + "/json/list"));
        for (int i = 0; i < 10 * SECONDS; i++) {
            var list = client.send(request.build(), BodyHandlers.ofString()).body();
            for (var target : JsonParser.parseString(list).getAsJsonArray()) {
                if (target.getAsJsonObject().get("type").getAsString().equals("page")) {
                    return URI.create(
                            target.getAsJsonObject().get("webSocketDebuggerUrl").getAsString());
                }
            }
            Thread.sleep(100);
        }
        throw new IOException("the browser shows no page");
    }

    /** Takes the protocol's messages. */
    private final class Answers implements WebSocket.Listener {

        private final StringBuilder message = new StringBuilder();

        @Override
        public CompletionStage<?> onText(WebSocket source, CharSequence data, boolean last) {
            message.append(data);
            if (last) {
                take(JsonParser.parseString(message.toString()).getAsJsonObject());
                message.setLength(0);
            }
            source.request(1);
            return null;
        }

        private void take(JsonObject answer) {
            if (answer.has("id")) {
                answers.remove(answer.get("id").getAsInt()).complete(answer);
                return;
            }
            var method = answer.get("method").getAsString();
            if (List.of("Runtime.exceptionThrown", "Log.entryAdded").contains(method)) {
                problems.add(answer.toString());
            }
        }
    }

    private JsonObject call(String method, Map<String, ?> parameters) {
        var call = new JsonObject();
        var answer = new CompletableFuture<JsonObject>();
        answers.put(++calls, answer);
        call.addProperty("id", calls);
        call.addProperty("method", method);
        call.add("params", new Gson().toJsonTree(parameters));
        socket.sendText(call.toString(), true);
        try {
            var taken = answer.get(SECONDS, TimeUnit.SECONDS);
            if (taken.has("error")) {
                throw new IllegalStateException(method + ": " + taken.get("error"));
            }
            return taken.getAsJsonObject("result");
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            throw new IllegalStateException(method, e);
        }
    }

    /** Opens a file in a window of some width, and waits until it is drawn. */
    public void open(Path page, int width, boolean dark) {
        problems.clear();
        width(width);
        dark(dark);
        call("Page.navigate", Map.of("url", page.toUri().toString()));
        waitUntil("document.readyState == 'complete' && location.href != 'about:blank'");
        settle();
    }

    /** Makes the window wider or narrower. */
    public void width(int width) {
        call(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", 900, "deviceScaleFactor", 1, "mobile", false));
        settle();
    }

    /** Says that the reader likes it dark, or not. */
    public void dark(boolean dark) {
        var feature = Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light");
        call("Emulation.setEmulatedMedia", Map.of("features", List.of(feature)));
    }

    /** Waits until what was to be drawn is. */
    public void settle() {
        evaluate(
                "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() =>"
                        + " done(true))))");
    }

    /** Waits until an expression is true. */
    public void waitUntil(String condition) {
        for (int i = 0; i < 20 * SECONDS; i++) {
            if (evaluate(condition).getAsBoolean()) {
                return;
            }
            try {
                Thread.sleep(50);
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
        throw new IllegalStateException("still not: " + condition);
    }

    /** What an expression is, of the page's kind of values that JSON has. */
    public JsonElement evaluate(String expression) {
        var answer =
                call(
                        "Runtime.evaluate",
                        Map.of(
                                "expression", expression,
                                "returnByValue", true,
                                "awaitPromise", true));
        if (answer.has("exceptionDetails")) {
            throw new IllegalStateException(expression + ": " + answer.get("exceptionDetails"));
        }
        var value = answer.getAsJsonObject("result").get("value");
        return value == null ? new JsonObject() : value;
    }

    /** The text of an expression. */
    public String text(String expression) {
        return evaluate(expression).getAsString();
    }

    /** The texts of an expression that is a list. */
    public List<String> texts(String expression) {
        var texts = new ArrayList<String>();
        for (var each : evaluate(expression).getAsJsonArray()) {
            texts.add(each.getAsString());
        }
        return texts;
    }

    /** The number of an expression. */
    public double number(String expression) {
        return evaluate(expression).getAsDouble();
    }

    /**
     * Moves the pointer over an element.
     *
     * @param across how far from its left edge to its right one, from 0 to 1
     */
    public void hover(String selector, double across) {
        mouse("mouseMoved", place(selector, across), 0, 0);
        settle();
    }

    /** Presses the button at one place of an element and releases it at another. */
    public void drag(String selector, double from, double to) {
        var start = place(selector, from);
        var end = place(selector, to);
        mouse("mouseMoved", start, 0, 0);
        mouse("mousePressed", start, 1, 1);
        mouse("mouseMoved", new double[] {(start[0] + end[0]) / 2, end[1]}, 1, 0);
        mouse("mouseMoved", end, 1, 0);
        mouse("mouseReleased", end, 0, 1);
        settle();
    }

    /** Clicks into the middle of an element, once or more often. */
    public void click(String selector, int times) {
        var place = place(selector, .5);
        mouse("mouseMoved", place, 0, 0);
        for (int i = 1; i <= times; i++) {
            mouse("mousePressed", place, 1, i);
            mouse("mouseReleased", place, 0, i);
        }
        settle();
    }

    private double[] place(String selector, double across) {
        var place =
                evaluate(
                                """
                                (() => {
                                  const element = document.querySelector(%s);
                                  element.scrollIntoView({ block: "center" });
                                  const box = element.getBoundingClientRect();
                                  return [box.left + %s * box.width, box.top + box.height / 2];
                                })()
                                """
                                        .formatted(new JsonPrimitive(selector), across))
                        .getAsJsonArray();
        return new double[] {place.get(0).getAsDouble(), place.get(1).getAsDouble()};
    }

    private void mouse(String type, double[] place, int buttons, int clicks) {
        call(
                "Input.dispatchMouseEvent",
                Map.of(
                        "type",
                        type,
                        "x",
                        place[0],
                        "y",
                        place[1],
                        "button",
                        type.equals("mouseMoved") && buttons == 0 ? "none" : "left",
                        "buttons",
                        buttons,
                        "clickCount",
                        clicks));
    }

    /** Lets links that save files save them here. */
    public void saveTo(Path folder) {
        call(
                "Browser.setDownloadBehavior",
                Map.of("behavior", "allow", "downloadPath", folder.toString()));
    }

    /** Errors of scripts, and what the browser complained of, since the page was opened. */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    /** A picture of the whole page, as PNG. */
    public void picture(Path file) {
        var answer =
                call(
                        "Page.captureScreenshot",
                        Map.of("format", "png", "captureBeyondViewport", true));
        try {
            Files.write(file, Base64.getDecoder().decode(answer.get("data").getAsString()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            call("Browser.close", Map.of());
            if (!process.waitFor(10, TimeUnit.SECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        socket.abort();
        client.close();
    }
}
