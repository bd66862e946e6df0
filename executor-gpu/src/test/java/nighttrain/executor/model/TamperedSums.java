package nighttrain.executor.model;

import java.util.function.BiFunction;
import nighttrain.executor.device.Communicator;
import nighttrain.executor.device.Communicator.Pending;
import nighttrain.executor.device.Device;
import nighttrain.executor.device.Tensor;

/** A device that passes every all-reduce to a function, which may alter it. */
class TamperedSums extends PassingDevice {
    /** An all-reduce that the forward pass requests. */
    record Sum(Tensor out, Tensor in, float scale) {
        Pending start(Communicator ranks) {
            return out == in ? ranks.allReduce(in) : ranks.allReduce(out, in, scale);
        }
    }

    private final BiFunction<Communicator, Sum, Pending> allReduce;

    TamperedSums(Device real, BiFunction<Communicator, Sum, Pending> allReduce) {
        super(real);
        this.allReduce = allReduce;
    }

    @Override
    public Communicator communicator() {
        Communicator ranks = real.communicator();
        return new Communicator() {
            @Override
            public int rank() {
                return ranks.rank();
            }

            @Override
            public int size() {
                return ranks.size();
            }

            @Override
            public Pending allReduce(Tensor out, Tensor in, float scale) {
                return allReduce.apply(ranks, new Sum(out, in, scale));
            }

            @Override
            public Pending allReduce(Tensor part) {
                return allReduce.apply(ranks, new Sum(part, part, 1f));
            }

            @Override
            public Tensor gatherRows(Tensor whole, Tensor part) {
                return ranks.gatherRows(whole, part);
            }

            @Override
            public long waitedNanos() {
                return ranks.waitedNanos();
            }
        };
    }
}
