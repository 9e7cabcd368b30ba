package org.panoptim.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/**
 * A command that was run in this process.
 *
 * @param status the exit status
 * @param out what it wrote to the standard output
 * @param err what it wrote to the standard error
 */
record Invocation(int status, String out, String err) {

    static Invocation of(Object... arguments) {
        var out = new StringWriter();
        var err = new StringWriter();
        var words = new String[arguments.length];
        for (int i = 0; i < words.length; i++) {
            words[i] = arguments[i].toString();
        }
        int status =
                Main.commandLine()
                        .setOut(new PrintWriter(out, true))
                        .setErr(new PrintWriter(err, true))
                        .execute(words);
        return new Invocation(status, out.toString(), err.toString());
    }
}
