package org.panoptim.cli.process;

import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How this program is started once more. */
public final class JavaCommand {

    private JavaCommand() {}

    /**
     * The command line of another process of this program: on the same Java runtime, with its
     * options and its class or module path.
     *
     * @param main the program
     * @param options further ones, which come after those of this process
     */
    public static List<String> of(Class<?> main, List<String> options, List<String> arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(property("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(options);
        var module = main.getModule();
        if (module.isNamed()) {
            command.addAll(
                    List.of(
                            "--module-path",
                            property("jdk.module.path"),
                            "--module",
                            module.getName() + "/" + main.getName()));
        } else {
            command.addAll(List.of("-cp", property("java.class.path"), main.getName()));
        }
        command.addAll(arguments);
        return command;
    }

    private static String property(String key) {
        return System.getProperty(key, "");
    }
}
