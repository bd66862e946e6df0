package nighttrain.executor.architecture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.architecture.Blocks.Output;
import nighttrain.executor.architecture.ResidualStream.Addend;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Tensor;
import nighttrain.executor.device.cpu.CpuDevice;
import nighttrain.executor.step.Batch;
import nighttrain.executor.step.SampleRequest;
import nighttrain.io.spec.Wiring.Combine;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Tests which buffer the next module writes to and how many buffers a forward pass needs. */
class StepCommunicatorTest {
    private final Device device = CpuDevice.ranks(1, 1).get(0);
    private final List<Tensor> buffers = Stream.of("a", "b", "c", "d", "e", "f", "g")
            .map(role -> device.tensor(role, 1, 1, 1))
            .toList();
    private final List<Tensor> narrow =
            Stream.of("i", "j", "k").map(role -> device.tensor(role, 1, 1, 1)).toList();
    private final StepCommunicator step = new StepCommunicator(
            new TwoRanks(device.communicator()), device.ops(), buffers::get, narrow::get, List.of());

    @AfterEach
    void close() {
        device.close();
    }

    /** Has the values of one rank but the rules of two: peers read a part until the next all-reduce is complete. */
    private record TwoRanks(Communicator one) implements Communicator {
        @Override
        public int rank() {
            return 0;
        }

        @Override
        public int size() {
            return 2;
        }

        @Override
        public Pending allReduce(Tensor out, Tensor in, float scale) {
            return one.allReduce(out, in, scale);
        }

        @Override
        public Pending allReduce(Tensor part) {
            return one.allReduce(part);
        }

        @Override
        public Tensor gatherRows(Tensor whole, Tensor part) {
            return one.gatherRows(whole, part);
        }

        @Override
        public long waitedNanos() {
            return 0;
        }
    }

    private Output next() {
        return Output.plain(step.output());
    }

    @Test
    void whatPeersStillReadIsNotHandedOut() {
        Output first = next();
        Addend sum = step.allReduce(first);
        Output second = next();
        assertThat(List.of(first.part(), second.part())).isEqualTo(buffers.subList(0, 2));
        assertThat(step.output()).as("the first is not summed yet").isSameAs(buffers.get(2));
        sum.tensor();
        step.allReduce(second).tensor();
        assertThat(step.output()).as("the first sum is past").isSameAs(first.part());
    }

    @Test
    void whatTravelsIsNotHandedOut() {
        Output first = next();
        Pending firstSum = step.start(first);
        Output second = next();
        Pending secondSum = step.start(second);
        firstSum.await();
        assertThat(step.output()).isSameAs(first.part());
        assertThat(step.output())
                .as("the second still travels, the first was handed out")
                .isSameAs(buffers.get(2));
        secondSum.await();
    }

    @Test
    void whatIsAboutToBeAddedIsNotHandedOut() {
        Output first = next();
        step.local(first);
        assertThat(step.output()).isSameAs(buffers.get(1));
        assertThat(step.output()).isSameAs(first.part());
    }

    @Test
    void aFinishedSumIsInABufferOfItsOwn() {
        Output output =
                new Output(step.output(), Optional.of((out, sum) -> device.ops().scale(out, sum, 3f)));
        device.write(output.part(), new float[] {2});
        Tensor finished = step.allReduce(output).tensor();
        assertThat(finished).isNotSameAs(output.part());
        assertThat(device.read(finished)).containsExactly(6);
        assertThat(device.read(output.part())).as("peers still read it").containsExactly(2);
        assertThat(step.output()).isSameAs(buffers.get(2));
    }

    @Test
    void whatOthersAddLeavesThePartToBeRead() {
        Output output =
                new Output(step.output(), Optional.of((out, sum) -> device.ops().scale(out, sum, 3f)));
        device.write(output.part(), new float[] {2});
        Pending late = step.startOthers(output);
        assertThat(step.output()).as("part and room travel").isNotSameAs(output.part());
        Tensor others = late.await();
        assertThat(device.read(others)).as("the one rank has the whole sum").containsExactly(0);
        assertThat(device.read(output.part())).containsExactly(2);
        assertThat(device.read(step.local(output, 5f))).containsExactly(30);
        assertThat(device.read(step.others(output))).containsExactly(0);
        assertThat(step.output()).as("peers may still read it").isNotSameAs(output.part());
    }

    /** The head reads the second of two rows. */
    @Test
    void whatIsUnderWayIsCutToTheOutputRowsWhenItLands() {
        device.stepIo()
                .begin(new Batch(
                        new int[2],
                        new int[] {0, 1},
                        new int[] {0, 2},
                        new int[][] {{0}},
                        new int[] {1},
                        List.of(SampleRequest.likeliest())));
        List<Tensor> streams = List.of(device.tensor("stream", 1, 2, 1), device.tensor("another", 1, 2, 1));
        StepCommunicator two = new StepCommunicator(
                new TwoRanks(device.communicator()),
                device.ops(),
                number -> device.tensor("part " + number, 1, 2, 1),
                number -> device.tensor("row " + number, 1, 1, 1),
                streams);
        Output early =
                new Output(two.output(), Optional.of((out, sum) -> device.ops().scale(out, sum, 3f)));
        device.write(early.part(), new float[] {2, 4});
        device.write(streams.get(0), new float[] {5, 7});
        Pending sum = two.start(early);
        Pending ofStreams = two.start(streams.get(0), 1f);
        Output mixed = Output.plain(two.output());
        device.write(mixed.part(), new float[] {8, 9});
        Output narrow = two.narrow(mixed, 1);
        assertThat(device.read(narrow.part())).containsExactly(9);
        Tensor landed = sum.await();
        Tensor stream = ofStreams.await();
        assertThat(device.read(landed)).containsExactly(12);
        assertThat(device.read(stream)).containsExactly(7);
        assertThat(device.read(two.local(narrow))).containsExactly(9);
        assertThat(two.allReduce(stream, 1f).rows()).isEqualTo(1);
    }

    @Test
    void onlyItsOwnBuffersAreSummed() {
        assertThatThrownBy(() -> step.allReduce(Output.plain(device.tensor("other", 1, 1, 1))))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void buffersThatArchitecturesNeed() {
        assertThat(buffers(new DenseTensorParallel(), DryRun.Layer.PLAIN)).isEqualTo(2);
        assertThat(buffers(new ParallelBlock(), DryRun.Layer.PLAIN)).isEqualTo(2);
        assertThat(buffers(new ParallelTrack(4, 2, Combine.MEAN), DryRun.Layer.PLAIN))
                .isEqualTo(2);
        assertThat(buffers(new Kraken(4), DryRun.Layer.PLAIN)).isEqualTo(2);
        assertThat(buffers(new DesyncResidual(4, 3), DryRun.Layer.PLAIN)).isEqualTo(2);
        assertThat(buffers(new DelayedAllReduce(4, 2, false, false), DryRun.Layer.PLAIN))
                .as("parts and sums of four modules and of the one that runs, and what lands")
                .isEqualTo(11);
        assertThat(buffers(new LadderResidual(8), DryRun.Layer.PLAIN)).isEqualTo(2);
        assertThat(buffers(new LadderResidual(3), DryRun.Layer.PLAIN))
                .as("the first ladder layer's attention starts while peers may read the last dense layer's")
                .isEqualTo(3);
        assertThat(buffers(new DenseTensorParallel(), new DryRun.Layer(true, true)))
                .isEqualTo(3);
    }

    /** Some steps of the model narrow to output rows in its only layer, others do not narrow. */
    @Test
    void aModelOfOneLayerNeedsBothKinds() {
        DryRun one = DryRun.of(new DenseTensorParallel(), List.of(DryRun.Layer.PLAIN));
        assertThat(one.outputBuffers()).isEqualTo(2);
        assertThat(one.narrowBuffers()).isEqualTo(2);
    }

    private static int buffers(Architecture architecture, DryRun.Layer layer) {
        return DryRun.of(architecture, Collections.nCopies(8, layer)).outputBuffers();
    }

    @Test
    void buffersOfOutputRowsThatArchitecturesNeed() {
        assertThat(narrowBuffers(new DenseTensorParallel())).isEqualTo(2);
        assertThat(narrowBuffers(new ParallelTrack(4, 2, Combine.MEAN))).isEqualTo(2);
        assertThat(narrowBuffers(new LadderResidual(8)))
                .as("attention's sum travels while the one before it lands, then the MLP's")
                .isEqualTo(3);
    }

    private static int narrowBuffers(Architecture architecture) {
        return DryRun.of(architecture, Collections.nCopies(8, DryRun.Layer.PLAIN))
                .narrowBuffers();
    }
}
