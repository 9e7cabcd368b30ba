package org.panoptim.cuda.team;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.panoptim.cuda.device.DeviceContext;
import org.panoptim.cuda.device.DeviceSlab;
import org.panoptim.cuda.device.DeviceState;
import org.panoptim.cuda.driver.CudaDevice;
import org.panoptim.cuda.driver.FfmCuda;
import org.panoptim.distributed.LocalTeam;
import org.panoptim.memory.DeviceMemory;
import org.panoptim.parameter.Parameter;
import org.panoptim.parameter.ParameterGroup;
import org.panoptim.rule.SGD;
import org.panoptim.shard.Team;
import org.panoptim.spi.SharedArray;
import org.panoptim.spi.Shares;
import org.panoptim.tensor.Shape;

import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

/** What is moved in several buckets arrives as what is moved in one. */
class BucketsTest {

    /** Of which the first member owns 65536 elements, and the second one the others. */
    private static final int ELEMENTS = 100_003;

    private interface Work {
        float[] of(Team member, DeviceContext context);
    }

    /** What two members find, each on the device. */
    private static List<float[]> found(Work work) throws Exception {
        try (var threads = Executors.newFixedThreadPool(2)) {
            var tasks =
                    LocalTeam.of(2, Duration.ofSeconds(60)).stream()
                            .<Callable<float[]>>map(member -> () -> onDevice(member, work))
                            .toList();
            var results = new ArrayList<float[]>();
            for (var result : threads.invokeAll(tasks)) {
                results.add(result.get());
            }
            return results;
        }
    }

    private static float[] onDevice(Team member, Work work) {
        try (var context =
                new DeviceContext(
                        "cuda", CudaDevice.open(FfmCuda.load(), 0), 0, FfmCuda::loadBlas)) {
            return work.of(member, context);
        }
    }

    /** Floats on the device: elements of a member. */
    private static long floats(DeviceContext context, float factor) {
        var values = new float[ELEMENTS];
        for (int i = 0; i < values.length; i++) {
            values[i] = factor * i;
        }
        long address = DeviceSlab.allocate(context, 4L * ELEMENTS);
        DeviceState.write(context, address, MemorySegment.ofArray(values));
        return address;
    }

    private static float[] read(DeviceContext context, long address) {
        var values = new float[ELEMENTS];
        DeviceState.read(context, address, MemorySegment.ofArray(values));
        context.driver().free(address, 0);
        return values;
    }

    private static float[] mean(Team member, DeviceContext context) {
        long address = floats(context, member.rank() == 0 ? 1 : 3);
        // Nobody looks at the value.
        var value = new DeviceMemory(address + 4L * ELEMENTS, 4L * ELEMENTS);
        var parameter = Parameter.of("p", Shape.of(ELEMENTS), value);
        var group = new ParameterGroup("all", SGD.defaults(), List.of(parameter));
        var shares = Shares.of(member, List.of(group), List.of(), List.of());
        parameter.gradient(new DeviceMemory(address, 4L * ELEMENTS));
        try (var kernel = new SumKernel(context);
                var transport = new StagedTransport(context, member);
                var means = new GradientMeans(context, member, transport, kernel, 80_004)) {
            means.run(shares, List.of(parameter), BucketsTest::gradient, BucketsTest::gradient, 2);
            context.driver().synchronizeStream(0);
        }
        return read(context, address);
    }

    private static SumKernel.Elements gradient(Parameter parameter) {
        return SumKernel.Elements.of(SharedArray.gradient(parameter));
    }

    @Test
    void ownersHaveTheMeansOfTheirPart() throws Exception {
        var found = found(BucketsTest::mean);

        for (int i = 0; i < ELEMENTS; i++) {
            boolean ofFirst = i < Shares.UNIT;
            assertThat(found.get(0)[i]).isEqualTo(ofFirst ? 2f * i : i);
            assertThat(found.get(1)[i]).isEqualTo(ofFirst ? 3f * i : 2f * i);
        }
    }

    private static float[] gathered(Team member, DeviceContext context) {
        long address = floats(context, member.rank() == 0 ? 1 : 3);
        var first = List.of(new Region(address, 4), new Region(address + 4, 4L * 999));
        var second = List.of(new Region(address + 4000, 4L * (ELEMENTS - 1000)));
        try (var transport = new StagedTransport(context, member, 80_000)) {
            transport.gather(List.of(first, second));
            context.driver().synchronizeStream(0);
        }
        return read(context, address);
    }

    @Test
    void allHaveWhatEachHad() throws Exception {
        var found = found(BucketsTest::gathered);

        assertThat(found.get(0)).isEqualTo(found.get(1));
        for (int i = 0; i < ELEMENTS; i++) {
            assertThat(found.get(0)[i]).isEqualTo(i < 1000 ? i : 3f * i);
        }
    }
}
