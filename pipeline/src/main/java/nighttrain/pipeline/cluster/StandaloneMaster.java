package nighttrain.pipeline.cluster;

import java.util.Arrays;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
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
 * What the master of a standalone cluster knows. Asked as its web page is made: nobody has to know that page's
 * address.
 */
final class StandaloneMaster {
    private static final Logger LOG = LoggerFactory.getLogger(StandaloneMaster.class);
    private static final String URL = "spark://";
    private static final RpcTimeout PATIENCE =
            new RpcTimeout(FiniteDuration.apply(30, TimeUnit.SECONDS), "no setting of Spark's");

    private StandaloneMaster() {}

    /** Empty where the cluster is of another kind, or its master does not answer. */
    static Optional<ClusterState> state(SparkContext spark) {
        if (!spark.master().startsWith(URL)) {
            return Optional.empty();
        }
        for (String address : spark.master().substring(URL.length()).split(",", -1)) {
            try {
                return Optional.of(state(ask(RpcAddress.fromSparkURL(URL + address)), spark.applicationId()));
            } catch (Exception silent) { // Scala throws checked ones that no signature names
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
        long gpus =
                info.resources().get("gpu").map(all -> all.addresses().length()).getOrElse(() -> 0);
        return new ExecutorSize(info.cores(), info.memory(), gpus);
    }
}
