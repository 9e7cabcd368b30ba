package org.panoptim.parameter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.panoptim.parameter.Tensors.vector;

import org.junit.jupiter.api.Test;

import java.util.List;

class NamedParametersTest {

    private final Parameter first = vector("encoder.0.weight", 1);
    private final Parameter second = vector("encoder.1.weight", 1);
    private final Parameter head = vector("head.weight", 1, 2);
    private final NamedParameters all = () -> List.of(first, head, second);

    @Test
    void parametersAreSelectedInTheModelsOrder() {
        assertThat(all.where(each -> each.elements() == 1)).containsExactly(first, second);
        assertThat(all.startingWith("encoder.")).containsExactly(first, second);
        assertThat(all.startingWith("head.weight")).containsExactly(head);
        assertThat(all.where(_ -> false)).isEmpty();
    }

    @Test
    void aNameThatNoneHasIsAnsweredWithThoseThereAre() {
        assertThatThrownBy(() -> all.startingWith("decoder."))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "no parameter's name begins with 'decoder.'; the names are"
                                + " encoder.0.weight, head.weight, encoder.1.weight");
    }
}
