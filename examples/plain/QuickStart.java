import org.panoptim.Optimizer;
import org.panoptim.parameter.FlatParameters;
import org.panoptim.rule.Rules;

void main() {
    try (var arena = Arena.ofConfined()) {
        var net = FlatParameters.builder().add("weight", 32, 16).add("bias", 32).allocate(arena);
        net.values().fill((byte) 0x3f); // floats of 0.747
        try (var optimizer = Optimizer.of(Rules.adamW(1e-2), net.list())) {
            for (int step = 0; step < 300; step++) {
                net.gradients().copyFrom(net.values()); // your backward pass: here of value² / 2
                optimizer.step();
            }
        }
        IO.println("a weight: " + net.values().get(ValueLayout.JAVA_FLOAT, 0));
    }
}
