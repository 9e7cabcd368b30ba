package org.panoptim.cli.page;

import org.panoptim.cli.Machine;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/** Pieces of a report's page. */
public final class Html {

    private static final String STYLE = "page.css";

    private Html() {}

    /**
     * A page's template, with the style of all pages.
     *
     * @param owner the class beside which it lies
     */
    public static String template(Class<?> owner, String name) throws IOException {
        return resource(owner, name).replace("{{style}}", resource(Html.class, STYLE));
    }

    private static String resource(Class<?> owner, String name) throws IOException {
        try (var file = Objects.requireNonNull(owner.getResourceAsStream(name), name)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Text from outside, to stand in a page. */
    public static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;");
    }

    /** A name from outside, which a narrow page may break before each of its settings. */
    static String name(String text) {
        return escape(text).replaceAll("(?=[@:+]\\S)", "<wbr>");
    }

    /** A row of a table, with a title. */
    public static String row(String style, String title, String... cells) {
        var row =
                new StringBuilder(
                        "<tr class=\"%s\"><th scope=\"row\">%s</th>".formatted(style, name(title)));
        for (var cell : cells) {
            row.append("<td>").append(escape(cell)).append("</td>");
        }
        return row.append("</tr>").toString();
    }

    /** A chart with its caption. */
    public static String figure(String svg, String caption) {
        return "<figure>%s<figcaption>%s</figcaption></figure>%n".formatted(svg, escape(caption));
    }

    /** A highlighted note. */
    public static String note(String text) {
        return "<p class=\"note\">" + escape(text) + "</p>";
    }

    /** A term and what it means. */
    public static String term(String title, String text) {
        return "<dt>%s</dt><dd>%s</dd>%n".formatted(escape(title), escape(text));
    }

    /** A term with several settings. */
    public static String settings(String title, List<String> settings) {
        var spans = settings.stream().map(each -> "<span>" + escape(each) + "</span>").toList();
        return "<dt>%s</dt><dd>%s</dd>".formatted(name(title), String.join(" ", spans));
    }

    /** What the report was made on, as terms. */
    public static String machine(String backend) {
        var machine = Machine.current();
        return term("Backend", backend)
                + term("Processor", machine.processor())
                + term("System", machine.system())
                + term("Java", machine.java());
    }

    /** The present time. */
    public static String date() {
        return LocalDateTime.now()
                .format(DateTimeFormatter.ofPattern("d MMMM yyyy, HH:mm", Locale.ENGLISH));
    }
}
