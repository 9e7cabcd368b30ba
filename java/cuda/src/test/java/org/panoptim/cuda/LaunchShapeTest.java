package org.panoptim.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.panoptim.abi.PlanKernels;
import org.panoptim.cuda.device.CudaKernels;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.memory.Memory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.AdamW;
import org.panoptim.rule.SGD;
import org.panoptim.rule.UpdateRule;
import org.panoptim.spi.Lent;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.Shape;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;

/** How many blocks a kernel is launched with, and in which order they go over chunks. */
class LaunchShapeTest {

    @ParameterizedTest(name = "{0} pieces on a device that holds {1} blocks: {2}")
    @CsvSource({
        "0, 100, 0",
        "1, 100, 1",
        "99, 100, 99",
        "100, 100, 100",
        "101, 100, 51",
        "200, 100, 100",
        "250, 100, 84",
        "7686, 924, 854",
        "4294967296, 1, 1"
    })
    void theLastRoundOfBlocksIsAsFullAsTheOthers(long pieces, int held, int blocks) {
        var kernel = new CudaKernels.Kernel("kernel", 0, 128, held);
        assertThat(kernel.blocksFor(pieces)).isEqualTo(blocks);
    }

    @Test
    @EnabledOnOs(value = OS.LINUX, architectures = "amd64")
    void updatesGoThroughTheChunksOfARuleFromTheLastToTheFirst() {
        long chunk = DeviceTables.CHUNK_ELEMENTS;
        try (var context =
                        new DeviceContext(
                                "cuda", CudaDevice.open(FfmCuda.load(), 0), 0, FfmCuda::loadBlas);
                var first = new DeviceBuffer(context, 4 * 2 * chunk, () -> {});
                var second = new DeviceBuffer(context, 4 * chunk, () -> {});
                var third = new DeviceBuffer(context, 4, () -> {});
                var arena = Arena.ofConfined()) {
            var groups =
                    List.of(
                            group("a", AdamW.defaults(), "p", 2 * chunk, first.memory()),
                            group("b", SGD.defaults(), "q", chunk, second.memory()),
                            group("c", AdamW.defaults(), "r", 1, third.memory()));
            var kernels = new PlanKernels(groups, context.kernels().registry());
            try (var states = new DeviceStates(context)) {
                states.addMissing(groups, Shares.whole());
                try (var tables =
                        new DeviceTables(
                                context, kernels, states, Lent.nothing(), Shares.whole())) {
                    var lists =
                            tables.chunkLists().values().stream()
                                    .map(
                                            list -> {
                                                var copy = arena.allocate(4 * list.count(), 4);
                                                DeviceState.read(context, list.address(), copy);
                                                return IntStream.of(
                                                                copy.toArray(ValueLayout.JAVA_INT))
                                                        .boxed()
                                                        .toList();
                                            })
                                    .toList();
                    assertThat(lists).containsExactly(List.of(3, 1, 0), List.of(2));
                }
            }
        }
    }

    private static ParameterGroup group(
            String name, UpdateRule rule, String parameter, long elements, Memory value) {
        return new ParameterGroup(
                name, rule, List.of(Parameter.of(parameter, Shape.of(elements), value)));
    }
}
