package nighttrain.pipeline.cluster;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkEnv;
import org.apache.spark.deploy.DeployMessages;
import org.apache.spark.deploy.master.WorkerInfo;
import org.apache.spark.rpc.RpcAddress;
import org.apache.spark.rpc.RpcEndpointRef;
import org.apache.spark.rpc.RpcTimeout;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.concurrent.duration.FiniteDuration;
import scala.reflect.ClassTag$;

/**
 * A cluster, as its manager reports it.
 *
 * @param workers whole sizes of live workers, the largest first; the manager does not report what is in use
 * @param others names of the other applications, running or waiting
 */
record ClusterState(List<ExecutorSize> workers, List<String> others) {
    ClusterState {
        workers = List.copyOf(workers);
        others = List.copyOf(others);
    }

    String sizes() {
        return workers.isEmpty()
                ? "no workers"
                : workers.stream().map(ExecutorSize::toString).distinct().collect(Collectors.joining(" / "));
    }

    /**
     * The size of an executor or a machine.
     *
     * @param cores number of CPU cores
     * @param memoryMib memory in MiB
     * @param gpus number of GPUs
     */
    record ExecutorSize(int cores, long memoryMib, long gpus) {
        /** Returns the requested size of a job's executors, or of the GPU stage's executors if only that stage has GPUs. */
        static ExecutorSize asked(SparkConf conf) {
            Optional<Long> ofStage = StageGpus.of(conf).map(StageGpus::amount);
            return new ExecutorSize(
                    conf.getInt(
                            "spark.executor.cores", 1), // without the conf an executor takes all cores of its worker
                    conf.getSizeAsMb("spark.executor.memory", "1g"),
                    ofStage.orElseGet(() -> conf.getLong("spark.executor.resource.gpu.amount", 0)));
        }

        boolean fitsIn(ExecutorSize machine) {
            return cores <= machine.cores && memoryMib <= machine.memoryMib && gpus <= machine.gpus;
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%d cores, %,d MiB, %d GPUs", cores, memoryMib, gpus);
        }
    }

    /** Asks the master of a standalone cluster by RPC, as its web page does, so that the address of that page is not needed. */
    static final class StandaloneMaster {
        private static final Logger LOG = LoggerFactory.getLogger(StandaloneMaster.class);
        private static final String URL = "spark://";
        private static final RpcTimeout PATIENCE =
                new RpcTimeout(FiniteDuration.apply(30, TimeUnit.SECONDS), "no setting of Spark's");

        private StandaloneMaster() {}

        /** Returns the state of the cluster; empty if the cluster is of another kind or its master does not answer. */
        static Optional<ClusterState> state(SparkContext spark) {
            if (!spark.master().startsWith(URL)) {
                return Optional.empty();
            }
            for (String address : spark.master().substring(URL.length()).split(",", -1)) {
                try {
                    return Optional.of(state(ask(RpcAddress.fromSparkURL(URL + address)), spark.applicationId()));
                } catch (Exception silent) { // Scala throws undeclared checked exceptions
                    LOG.info("the master at {} does not tell of its workers", address, silent);
                }
            }
            return Optional.empty();
        }

        private static DeployMessages.MasterStateResponse ask(RpcAddress address) {
            RpcEndpointRef master = SparkEnv.get().rpcEnv().setupEndpointRef(address, "Master");
            return master.askSync(
                    DeployMessages.RequestMasterState$.MODULE$,
                    PATIENCE,
                    ClassTag$.MODULE$.apply(DeployMessages.MasterStateResponse.class));
        }

        private static ClusterState state(DeployMessages.MasterStateResponse told, String own) {
            return new ClusterState(
                    Arrays.stream(told.workers())
                            .filter(WorkerInfo::isAlive)
                            .map(StandaloneMaster::size)
                            .sorted(Comparator.comparing(ExecutorSize::cores).reversed())
                            .toList(),
                    Arrays.stream(told.activeApps())
                            .filter(application -> !application.id().equals(own))
                            .map(application -> application.desc().name())
                            .distinct()
                            .toList());
        }

        private static ExecutorSize size(WorkerInfo info) {
            long gpus = info.resources()
                    .get("gpu")
                    .map(all -> all.addresses().length())
                    .getOrElse(() -> 0);
            return new ExecutorSize(info.cores(), info.memory(), gpus);
        }
    }
}
