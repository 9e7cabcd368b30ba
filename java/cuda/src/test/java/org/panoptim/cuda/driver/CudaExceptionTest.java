package org.panoptim.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

class CudaExceptionTest {

    /** A comment and the error that it describes. */
    private static final Pattern ERROR =
            Pattern.compile("/\\*\\*((?:(?!\\*/).)*)\\*/\\s*(CUDA_ERROR_\\w+)\\s*=\\s*(\\d+)");

    /** How the header describes errors after which the context is of no use. */
    private static final Pattern STICKY =
            Pattern.compile(
                    "the process must be terminated and relaunched"
                            + "|The context cannot be used anymore, and must be destroyed"
                            + "|indicates that an uncorrectable \\w+ error was detected");

    @Test
    void errorsAreStickyOfWhichCudasHeaderSaysSo() throws IOException {
        var home = Optional.ofNullable(System.getenv("CUDA_HOME")).orElse("/usr/local/cuda");
        var header = Path.of(home, "include/cuda.h");
        assumeThat(header).as("CUDA's header").exists();
        // The comments' lines begin with stars.
        var text = Files.readString(header).replaceAll("\\R\\s*\\*(?!/)\\s*", " ");
        var said = new TreeMap<String, Boolean>();
        var known = new TreeMap<String, Boolean>();
        var matcher = Pattern.compile(ERROR.pattern(), Pattern.DOTALL).matcher(text);
        while (matcher.find()) {
            var name = matcher.group(2);
            said.put(name, STICKY.matcher(matcher.group(1)).find());
            known.put(
                    name,
                    new CudaException("call", Integer.parseInt(matcher.group(3)), name, "text")
                            .isSticky());
        }
        assertThat(said).hasSizeGreaterThan(80).containsEntry("CUDA_ERROR_CONTAINED", true);
        assertThat(known).isEqualTo(said);
    }
}
