package nighttrain.executor.device.cuda.collective;

import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nighttrain.executor.device.cuda.collective.NcclGroup.Nccl;
import nighttrain.executor.device.cuda.driver.CudaContext;
import nighttrain.executor.device.cuda.driver.NativeLibraries;
import nighttrain.io.UserError;

/** Decides how GPUs communicate: by reading each other's memory if all of them can, otherwise by NCCL. */
public final class PeerAccess {
    private PeerAccess() {}

    /**
     * Gives all GPUs access to each other's memory and returns none, or returns a group of NCCL communicators if that is impossible.
     *
     * @throws UserError if neither works
     */
    public static Optional<NcclGroup> of(List<CudaContext> gpus, boolean preferNccl, boolean deterministic) {
        if (gpus.size() == 1) {
            return Optional.empty();
        }
        Optional<Pair> apart = pairs(gpus).filter(pair -> !pair.canReach()).findFirst();
        if (preferNccl || apart.isPresent()) {
            if (deterministic) {
                refuseUnorderedSums(gpus.size());
            }
            List<Integer> ordinals = gpus.stream().map(CudaContext::ordinal).toList();
            return Optional.of(new NcclGroup(load(apart.map(Pair::toString).orElse("NCCL_P2P_DISABLE=1")), ordinals));
        }
        pairs(gpus).forEach(pair -> pair.from.reach(pair.to));
        return Optional.empty();
    }

    private record Pair(CudaContext from, CudaContext to) {
        boolean canReach() {
            return from.canReach(to);
        }

        @Override
        public String toString() {
            return from.ordinal() + " and " + to.ordinal();
        }
    }

    private static Stream<Pair> pairs(List<CudaContext> gpus) {
        return gpus.stream()
                .flatMap(from -> gpus.stream().filter(to -> to != from).map(to -> new Pair(from, to)));
    }

    /** Refuses all-reduces whose order of additions depends on the size of the tensor, as NCCL's does. Two parts have only one order. */
    static void refuseUnorderedSums(int ranks) {
        if (ranks > 2) {
            throw UserError.of(
                    "--deterministic cannot hold on ranks that all-reduce by NCCL",
                    ranks,
                    "at most 2, since these GPUs cannot read each other's memory; use fewer --ranks, or leave it out");
        }
    }

    static Nccl load(String apart) {
        try {
            return NativeLibraries.load("nccl", Nccl.class);
        } catch (UserError e) {
            throw UserError.of(
                    "GPUs cannot read each other's memory",
                    apart,
                    "no peer access, and NCCL is not there either; install NCCL 2 where the loader finds libnccl.so.2,"
                            + " or use --ranks 1 with more --replicas",
                    e);
        }
    }
}
