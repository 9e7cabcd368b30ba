package org.panoptim.cli;

import picocli.CommandLine.IVersionProvider;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Properties;

/** The version that the build wrote into this jar. */
public final class Version implements IVersionProvider {

    /** The version, for example {@code 0.1.0}. */
    public static String current() {
        try (var file =
                Objects.requireNonNull(
                        Version.class.getResourceAsStream("version.properties"),
                        "version.properties")) {
            var properties = new Properties();
            properties.load(file);
            return properties.getProperty("version");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String[] getVersion() {
        return new String[] {"panoptim " + current()};
    }
}
