package org.panoptim.cli.page;

import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.Properties;

/**
 * uPlot, of which every page with curves has a copy.
 *
 * @param version which one
 * @param script its program
 * @param style its style sheet
 * @param license the text that goes with each copy
 */
record ChartLibrary(String version, String script, String style, String license) {

    private static final String PROPERTIES = "META-INF/maven/org.webjars.npm/uplot/pom.properties";
    private static final String FOLDER = "META-INF/resources/webjars/uplot/";

    /** The one on the class path or the module path. */
    static ChartLibrary load() throws IOException {
        var properties = new Properties();
        properties.load(new StringReader(resource(PROPERTIES)));
        var version = properties.getProperty("version");
        var folder = FOLDER + version + "/";
        return new ChartLibrary(
                version,
                resource(folder + "dist/uPlot.iife.min.js"),
                resource(folder + "dist/uPlot.min.css"),
                resource(folder + "LICENSE"));
    }

    private static String resource(String name) throws IOException {
        var loader = ChartLibrary.class.getClassLoader();
        try (var file = Objects.requireNonNull(loader.getResourceAsStream(name), name)) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
