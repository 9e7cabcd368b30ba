package org.panoptim.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.nio.file.Path;

class CheckpointExceptionTest {

    @Test
    void aProblemOfAThousandCharactersIsToldInFullAndALongerOneIsCut() {
        var file = Path.of("file");
        var longest = "x".repeat(1000);
        assertThat(new CheckpointException(file, longest))
                .hasMessage("checkpoint file: " + longest);
        assertThat(new CheckpointException(file, longest + "y"))
                .hasMessage("checkpoint file: " + longest + " …");
    }
}
