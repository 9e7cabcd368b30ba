package org.panoptim.cli.page;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A report as a web page in one file, which needs no network and runs no scripts but its own.
 *
 * @param title of the window, as text
 * @param content from the heading on, as HTML
 * @param curves the content's charts
 */
public record Page(String title, String content, Curves curves) {

    /**
     * What a report was made on and by.
     *
     * @param machine terms and their meanings, as HTML
     * @param command the command line that leads here, as text
     * @param version Panoptim's
     * @param date in words, as text
     * @param credit whose data it is, as text; may be empty
     */
    public record Origin(
            String machine, String command, String version, String date, String credit) {}

    /** The page of a report that was made so. */
    public String text(Origin origin) throws IOException {
        var style = Template.resource(Page.class, "page.css");
        return curves.isEmpty()
                ? text(origin, policy(), style, "", "")
                : withScripts(origin, style);
    }

    private String withScripts(Origin origin, String style) throws IOException {
        var library = ChartLibrary.load();
        var script = Template.resource(Page.class, "curves.js");
        return text(
                origin,
                policy(library.script(), script),
                library.style() + "\n" + style,
                Template.of(Page.class, "library.html")
                        .fill(
                                Map.of(
                                        "version", Html.escape(library.version()),
                                        "license", Html.escape(library.license().strip()))),
                Template.of(Page.class, "scripts.html")
                        .fill(
                                Map.of(
                                        "data", curves.data(),
                                        "library", library.script(),
                                        "curves", script)));
    }

    private String text(Origin origin, String policy, String style, String library, String scripts)
            throws IOException {
        return Template.of(Page.class, "page.html")
                .fill(
                        Map.ofEntries(
                                Map.entry("policy", policy),
                                Map.entry("title", Html.escape(title)),
                                Map.entry("style", style),
                                Map.entry("content", content),
                                Map.entry("machine", origin.machine()),
                                Map.entry("command", Html.escape(origin.command())),
                                Map.entry("version", Html.escape(origin.version())),
                                Map.entry("date", Html.escape(origin.date())),
                                Map.entry("credit", Html.escape(origin.credit())),
                                Map.entry("library", library),
                                Map.entry("scripts", scripts)));
    }

    /** Lets a browser run these scripts and load nothing, should a text ever become markup. */
    private static String policy(String... scripts) {
        var hashes =
                Stream.of(scripts)
                        .map(script -> " 'sha256-" + hash(script) + "'")
                        .collect(Collectors.joining());
        return "default-src 'none'; style-src 'unsafe-inline'; script-src"
                + (hashes.isEmpty() ? " 'none'" : hashes);
    }

    private static String hash(String script) {
        try {
            var digest = MessageDigest.getInstance("SHA-256");
            return Base64.getEncoder()
                    .encodeToString(digest.digest(script.getBytes(StandardCharsets.UTF_8)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
