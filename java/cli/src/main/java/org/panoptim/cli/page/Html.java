package org.panoptim.cli.page;

import org.panoptim.cli.Machine;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;

/** Pieces of a report's page. */
public final class Html {

    private Html() {}

    /** Text from outside, to stand in a page. */
    public static String escape(String text) {
        return text.replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }

    /** A name from outside, which a narrow page may break before its settings and between words. */
    static String name(String text) {
        return escape(text).replaceAll("(?=[@:+]\\S)|(?<=_)", "<wbr>");
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
