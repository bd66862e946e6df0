package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Runs a pod's container as a process of this machine. The process has the pod's arguments, environment, volumes and address, but this machine's
 * files, so paths of its volumes are replaced wherever the pod names them.
 */
final class PodProcess {
    private final JsonNode pod;
    private final JsonNode container;
    private final String address;
    private final Path claims;
    private final Path home;
    private final Map<String, String> paths = new LinkedHashMap<>();

    /**
     * Prepares a pod's process.
     *
     * @param claims a folder for each persistent volume claim
     * @param home folder of its other volumes and its output
     */
    PodProcess(JsonNode pod, String address, Path claims, Path home) {
        this.pod = pod;
        this.container = pod.at("/spec/containers/0");
        this.address = address;
        this.claims = claims;
        this.home = home;
    }

    /** Returns the number of GPUs that a pod requests. */
    static int gpus(JsonNode pod) {
        return pod.at("/spec/containers/0/resources/limits/nvidia.com~1gpu").asInt(0);
    }

    /** Starts the process. {@code hosts}: the cluster's names, as lines of {@code /etc/hosts}. */
    CommandProcess start(SparkInstallation spark, List<String> hosts) throws IOException {
        Path names = Files.write(home.resolve("hosts"), hosts);
        Map<String, String> environment = environment();
        environment.put("SPARK_HOME", spark.home().toString());
        environment.put("JAVA_TOOL_OPTIONS", "-Djdk.net.hosts.file=" + names);
        List<String> arguments = new ArrayList<>();
        container.required("args").forEach(argument -> arguments.add(here(argument.asText())));
        return CommandProcess.start(home, environment, command(arguments, environment, spark));
    }

    /** Returns the command that the entry point of Spark's image would run. */
    private static List<String> command(
            List<String> arguments, Map<String, String> environment, SparkInstallation spark) {
        List<String> rest = arguments.subList(1, arguments.size());
        List<String> command = new ArrayList<>();
        switch (arguments.get(0)) {
            case "driver" -> {
                command.add(spark.home().resolve("bin/spark-submit").toString());
                command.addAll(List.of(
                        "--conf",
                        "spark.driver.bindAddress=" + environment.get("SPARK_DRIVER_BIND_ADDRESS"),
                        "--deploy-mode",
                        "client"));
                command.addAll(rest);
            }
            case "executor" -> {
                command.add("java");
                Map<Integer, String> options = new TreeMap<>();
                environment.forEach((name, value) -> {
                    if (name.startsWith("SPARK_JAVA_OPT_")) {
                        options.put(Integer.valueOf(name.substring("SPARK_JAVA_OPT_".length())), value);
                    }
                });
                command.addAll(options.values());
                String memory = environment.get("SPARK_EXECUTOR_MEMORY");
                command.addAll(List.of("-Xms" + memory, "-Xmx" + memory));
                command.addAll(List.of("-cp", SparkInstallation.classPath(spark.jars())));
                command.add("org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend");
                command.addAll(List.of("--driver-url", environment.get("SPARK_DRIVER_URL")));
                command.addAll(List.of("--executor-id", environment.get("SPARK_EXECUTOR_ID")));
                command.addAll(List.of("--cores", environment.get("SPARK_EXECUTOR_CORES")));
                command.addAll(List.of("--app-id", environment.get("SPARK_APPLICATION_ID")));
                command.addAll(List.of("--hostname", environment.get("SPARK_EXECUTOR_POD_IP")));
                command.addAll(List.of("--resourceProfileId", environment.get("SPARK_RESOURCE_PROFILE_ID")));
                command.addAll(List.of("--podName", environment.get("SPARK_EXECUTOR_POD_NAME")));
                command.addAll(rest);
            }
            default -> throw new IllegalArgumentException("Spark's image knows no " + arguments);
        }
        return command;
    }

    private Map<String, String> environment() {
        Map<String, String> environment = new HashMap<>();
        for (JsonNode variable : container.path("env")) {
            String field = variable.at("/valueFrom/fieldRef/fieldPath").asText();
            String value = switch (field) {
                case "status.podIP" -> address;
                case "metadata.name" -> pod.at("/metadata/name").asText();
                case "" -> here(variable.path("value").asText());
                default -> throw new IllegalArgumentException("a pod's field that no test needed: " + field);
            };
            environment.put(variable.required("name").asText(), value);
        }
        int gpus = gpus(pod);
        List<String> visible = new ArrayList<>();
        for (int gpu = 0; gpu < gpus; gpu++) {
            visible.add(String.valueOf(gpu));
        }
        environment.put("NIGHTTRAIN_GPUS", String.join(",", visible)); // as NVIDIA's device plugin would set it
        return environment;
    }

    /** Creates its volumes. Returns false if a config map is missing: Spark creates a pod before the maps that the pod mounts. */
    boolean mount(KubernetesApi api) throws IOException, InterruptedException {
        for (JsonNode mount : container.path("volumeMounts")) {
            String name = mount.required("name").asText();
            JsonNode declared = volume(name);
            String claim = declared.at("/persistentVolumeClaim/claimName").asText();
            String map = declared.at("/configMap/name").asText();
            Path volume = claim.isEmpty()
                    ? Files.createDirectories(home.resolve("volumes").resolve(name))
                    : claims.resolve(claim);
            if (!map.isEmpty() && !fill(volume, map, api)) {
                return false;
            }
            paths.put(mount.required("mountPath").asText(), volume.toString());
        }
        return true;
    }

    private JsonNode volume(String name) {
        for (JsonNode declared : pod.at("/spec/volumes")) {
            if (declared.required("name").asText().equals(name)) {
                return declared;
            }
        }
        throw new IllegalArgumentException("a pod mounts what it does not declare: " + name);
    }

    private boolean fill(Path volume, String map, KubernetesApi api) throws IOException, InterruptedException {
        String namespace = pod.at("/metadata/namespace").asText();
        Optional<JsonNode> there = api.get("api/v1/namespaces/" + namespace + "/configmaps/" + map);
        for (var entry : there.map(found -> found.path("data").properties()).orElse(Set.of())) {
            Files.writeString(volume.resolve(entry.getKey()), entry.getValue().asText());
        }
        return there.isPresent();
    }

    private String here(String text) {
        String replaced = text;
        for (var path : paths.entrySet()) {
            replaced = replaced.replace(path.getKey(), path.getValue());
        }
        return replaced;
    }
}
