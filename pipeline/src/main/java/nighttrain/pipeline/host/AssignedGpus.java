package nighttrain.pipeline.host;

import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import org.apache.spark.resource.ResourceInformation;

/** The GPUs that Spark gave this executor, by the addresses that the discovery script printed. */
final class AssignedGpus {
    private AssignedGpus() {}

    /** Their numbers; none where Spark assigned none, as in local mode: then the engine takes all that it sees. */
    static List<Integer> of(Map<String, ResourceInformation> resources) {
        ResourceInformation gpus = resources.get("gpu");
        return gpus == null
                ? List.of()
                : Stream.of(gpus.addresses()).map(AssignedGpus::number).toList();
    }

    private static int number(String address) {
        try {
            return Integer.parseInt(address.strip());
        } catch (NumberFormatException e) {
            throw UserError.of(
                    "bad address of a GPU",
                    address,
                    "a number, as nvidia-smi counts them; use conf/discover-gpus.sh as discovery script");
        }
    }
}
