package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Stands in for a cluster's nodes, scheduler and DNS: starts every pod as a process with an address of its own while GPUs are free, and reports the
 * pod's state to the API server.
 */
final class Kubelet implements AutoCloseable {
    private static final Duration PAUSE = Duration.ofMillis(100);
    private static final String PODS = "api/v1/pods";

    private final KubernetesApi api;
    private final SparkInstallation spark;
    private final int gpus;
    private final Path folder;
    private final Map<String, Running> running = new ConcurrentHashMap<>();
    private final Thread thread = new Thread(this::work, "kubelet");
    private volatile boolean ending;
    private int started;

    /** A running pod of this node. */
    private record Running(CommandProcess process, String address, int gpus, AtomicBoolean warned) {}

    private Kubelet(KubernetesApi api, SparkInstallation spark, int gpus, Path folder) {
        this.api = api;
        this.spark = spark;
        this.gpus = gpus;
        this.folder = folder;
    }

    static Kubelet start(KubernetesApi api, SparkInstallation spark, int gpus, Path folder) {
        Kubelet kubelet = new Kubelet(api, spark, gpus, folder);
        kubelet.thread.setDaemon(true);
        kubelet.thread.start();
        return kubelet;
    }

    private void work() {
        while (!ending) {
            try {
                for (JsonNode pod : api.list(PODS)) {
                    tend(pod);
                }
                Thread.sleep(PAUSE.toMillis());
            } catch (IOException busy) {
                System.err.println("kubelet: " + busy); // the loop asks again; this shows why a test waits
            } catch (InterruptedException end) {
                return;
            }
        }
    }

    private void tend(JsonNode pod) throws IOException, InterruptedException {
        Running here = running.get(uid(pod));
        boolean unwanted = pod.at("/metadata").has("deletionTimestamp");
        String phase = pod.at("/status/phase").asText();
        if (here == null) {
            if (unwanted) {
                api.delete(path(pod), Duration.ZERO);
            } else if (phase.equals("Pending")) {
                place(pod);
            }
        } else if (here.process.isAlive()) {
            if (unwanted) {
                end(pod, here);
            }
        } else {
            if (phase.equals("Running")) {
                int exitCode = here.process.await(Duration.ZERO);
                tell(pod, here, exitCode == 0 ? "Succeeded" : "Failed", ended(exitCode));
            }
            if (unwanted) {
                running.remove(uid(pod));
                api.delete(path(pod), Duration.ZERO);
            }
        }
    }

    private void place(JsonNode pod) throws IOException, InterruptedException {
        int wanted = PodProcess.gpus(pod);
        int taken = running.values().stream()
                .filter(one -> one.process.isAlive())
                .mapToInt(Running::gpus)
                .sum();
        String address = "127.0.1." + (started + 1);
        PodProcess process = new PodProcess(
                pod, address, folder.resolve("claims"), folder.resolve("pods").resolve(name(pod)));
        if (taken + wanted > gpus || !process.mount(api)) {
            return;
        }
        started++;
        if (pod.at("/spec/nodeName").isMissingNode()) {
            api.create(
                    path(pod) + "/binding",
                    Map.of("metadata", Map.of("name", name(pod)), "target", Map.of("kind", "Node", "name", "node")));
        }
        Running here = new Running(process.start(spark, hosts(address)), address, wanted, new AtomicBoolean());
        running.put(uid(pod), here);
        tell(pod, here, "Running", Map.of("running", Map.of("startedAt", now())));
    }

    /** Ends a pod. Spark's executors have a preStop script that sends them SIGPWR before they are told to end. */
    private static void end(JsonNode pod, Running here) throws IOException, InterruptedException {
        boolean warned = here.warned.getAndSet(true);
        if (Instant.now()
                .isAfter(Instant.parse(pod.at("/metadata/deletionTimestamp").asText()))) {
            here.process.kill();
        } else if (!warned) {
            boolean prepares = pod.at("/spec/containers/0/lifecycle").has("preStop");
            here.process.signal(prepares ? "PWR" : "TERM");
        }
    }

    /** Returns lines of {@code /etc/hosts}; the name of a service stands for the pods that it selects. */
    private List<String> hosts(String address) throws IOException, InterruptedException {
        List<String> hosts = new ArrayList<>();
        hosts.add("127.0.0.1 localhost");
        hosts.add(address + " " + InetAddress.getLocalHost().getHostName());
        List<JsonNode> pods = api.list(PODS);
        for (JsonNode service : api.list("api/v1/services")) {
            JsonNode selector = service.at("/spec/selector");
            for (JsonNode pod : pods) {
                Running there = running.get(uid(pod));
                if (there != null && selector.size() > 0 && selects(selector, pod.at("/metadata/labels"))) {
                    hosts.add(there.address + " " + service.at("/metadata/name").asText() + "."
                            + service.at("/metadata/namespace").asText() + ".svc");
                }
            }
        }
        return hosts;
    }

    private static boolean selects(JsonNode selector, JsonNode labels) {
        return selector.properties().stream().allMatch(label -> label.getValue().equals(labels.get(label.getKey())));
    }

    private void tell(JsonNode pod, Running here, String phase, Map<String, ?> state)
            throws IOException, InterruptedException {
        boolean runs = phase.equals("Running");
        Map<String, Object> container = new LinkedHashMap<>();
        container.put("name", pod.at("/spec/containers/0/name").asText());
        container.put("image", pod.at("/spec/containers/0/image").asText());
        container.put("imageID", "");
        container.put("ready", runs);
        container.put("restartCount", 0);
        container.put("state", state);
        api.patch(
                path(pod) + "/status",
                Map.of(
                        "status",
                        Map.of(
                                "phase", phase,
                                "podIP", here.address,
                                "podIPs", List.of(Map.of("ip", here.address)),
                                "conditions", List.of(Map.of("type", "Ready", "status", runs ? "True" : "False")),
                                "containerStatuses", List.of(container))));
    }

    private static Map<String, ?> ended(int exitCode) {
        return Map.of(
                "terminated",
                Map.of(
                        "exitCode",
                        exitCode,
                        "reason",
                        exitCode == 0 ? "Completed" : "Error",
                        "startedAt",
                        now(),
                        "finishedAt",
                        now()));
    }

    private static String now() {
        return Instant.now().truncatedTo(ChronoUnit.SECONDS).toString();
    }

    private static String name(JsonNode pod) {
        return pod.at("/metadata/name").asText();
    }

    private static String uid(JsonNode pod) {
        return pod.at("/metadata/uid").asText();
    }

    static String path(JsonNode pod) {
        return "api/v1/namespaces/" + pod.at("/metadata/namespace").asText() + "/pods/" + name(pod);
    }

    @Override
    public void close() {
        ending = true;
        thread.interrupt();
        running.values().forEach(one -> {
            one.process.descendants().forEach(ProcessHandle::destroyForcibly);
            one.process.close();
        });
    }
}
