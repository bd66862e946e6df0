package nighttrain.jobs.compare;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import nighttrain.executor.EngineConfig;
import nighttrain.executor.Engines;
import nighttrain.jobs.compare.CompareResult.Failure;
import nighttrain.pipeline.cluster.LoneExecutor;
import nighttrain.pipeline.host.EngineHost;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs engines on the one executor that a comparison takes of a cluster. The results of a visit arrive when it ends: a driver that is killed loses
 * the visit under way. An executor that dies costs that visit's workloads their figures; another executor takes its place.
 */
public final class ClusterExecutor implements Site {
    private static final Logger LOG = LoggerFactory.getLogger(ClusterExecutor.class);

    private final LoneExecutor executor;
    private String machine = "";

    public ClusterExecutor(LoneExecutor executor) {
        this.executor = executor;
    }

    @Override
    public String machine(EngineConfig config) throws InterruptedException {
        machine = executor.call(() -> Engines.machine(config));
        return machine;
    }

    @Override
    public void measure(Assignment assignment, Witness witness) throws InterruptedException {
        witness.phase(assignment.visit() + ", on the cluster");
        String expected = machine;
        try {
            executor.call(() -> measureThere(assignment, expected)).forEach(news -> news.tell(witness));
        } catch (IllegalStateException ended) {
            if (executor.isGone()) {
                throw ended;
            }
            LOG.warn("{} ended its executor", assignment.visit(), ended);
            witness.failed(
                    assignment.missing().stream().map(NamedWorkload::name).toList(), Failure.of(ended));
        }
    }

    @SuppressWarnings("NonApiType") // a list that can be serialized
    private static ArrayList<News> measureThere(Assignment assignment, String expected) throws InterruptedException {
        String here = Engines.machine(assignment.engine());
        if (!here.equals(expected)) {
            throw new IllegalStateException("another machine took over: " + here + " (" + expected + " began)");
        }
        Notes notes = new Notes();
        new ThisProcess().measure(assignment.with(EngineHost.here().here(assignment.engine())), notes);
        return notes.taken;
    }

    /** What happened on the executor, to be told to the driver's witness. */
    private sealed interface News extends Serializable {
        void tell(Witness witness);
    }

    private record Measured(String round) implements News {
        @Override
        public void tell(Witness witness) {
            witness.measured(FinishedRound.parse(round));
        }
    }

    private record Failed(ArrayList<String> workloads, Failure failure) implements News {
        @Override
        public void tell(Witness witness) {
            witness.failed(workloads, failure);
        }
    }

    private static final class Notes implements Witness {
        private final ArrayList<News> taken = new ArrayList<>();

        @Override
        public void phase(String what) {
            LOG.info("{}", what);
        }

        @Override
        public void measured(FinishedRound round) {
            taken.add(new Measured(round.json()));
        }

        @Override
        public void failed(List<String> workloads, Failure failure) {
            taken.add(new Failed(new ArrayList<>(workloads), failure));
        }
    }
}
