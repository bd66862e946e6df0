package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/**
 * The API server of a real Kubernetes, with its etcd. It has no kubelet, whose containers need a machine of their own: {@link Kubelet} stands in for
 * it.
 */
final class KubernetesCluster implements AutoCloseable {
    static final String NAMESPACE = "night-train";

    private static final String BINARIES = System.getProperty("nighttrain.kubernetes");
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final String TOKEN = "of-a-test";

    private final Path folder;
    private final int port = StandaloneCluster.freePort();
    private final List<CommandProcess> servers = new ArrayList<>();
    private KubernetesApi api;
    private Kubelet kubelet;

    private KubernetesCluster(Path folder) {
        this.folder = folder;
    }

    /** Starts a cluster whose nodes have {@code gpus} GPUs in all. */
    static KubernetesCluster start(Path folder, SparkInstallation spark, int gpus) throws Exception {
        KubernetesCluster cluster = new KubernetesCluster(folder);
        Runtime.getRuntime().addShutdownHook(new Thread(cluster::close)); // leaves no processes if the test is killed
        cluster.startServers();
        cluster.api = new KubernetesApi(cluster.url(), cluster.certificates(), TOKEN);
        cluster.servers.get(1).awaitWhileAlive("Kubernetes is ready", PATIENCE, cluster::isReady);
        cluster.api.create("api/v1/namespaces", Map.of("metadata", Map.of("name", NAMESPACE)));
        cluster.kubelet = Kubelet.start(cluster.api, spark, gpus, folder);
        return cluster;
    }

    String url() {
        return "https://127.0.0.1:" + port;
    }

    /** Returns the file of the server's certificate, as PEM. */
    Path certificates() {
        return folder.resolve("certificates/apiserver.crt");
    }

    /** Returns the file of the token of a user with all permissions. */
    Path token() {
        return folder.resolve("token");
    }

    /** Returns the value of KUBECONFIG. */
    Path kubeconfig() {
        return folder.resolve("kubeconfig");
    }

    /** Returns the existing pods of this role, {@code driver} or {@code executor}. */
    List<JsonNode> pods(String role) throws IOException, InterruptedException {
        return api.list("api/v1/pods").stream()
                .filter(pod -> pod.at("/metadata/labels/spark-role").asText().equals(role))
                .toList();
    }

    /** Returns what a pod's container wrote to standard error. */
    String log(JsonNode pod) throws IOException {
        StringBuilder log = new StringBuilder();
        try (var files = Files.newDirectoryStream(
                folder.resolve("pods").resolve(pod.at("/metadata/name").asText()), "messages*")) {
            for (Path file : files) {
                log.append(Files.readString(file));
            }
        }
        return log.toString();
    }

    /** Returns the folder of the persistent volume of a claim. */
    Path claim(String name) throws IOException {
        return Files.createDirectories(folder.resolve("claims").resolve(name));
    }

    /** Deletes a pod, as when a node is drained. */
    void evict(JsonNode pod, Duration grace) throws IOException, InterruptedException {
        api.delete(Kubelet.path(pod), grace);
    }

    private void startServers() throws Exception {
        if (BINARIES == null) {
            throw new IllegalStateException("no folder with kube-apiserver and etcd: nighttrain.kubernetes is not set"
                    + " (-Dnighttrain.kubernetes=DIR; CONTRIBUTING.md says where they come from)");
        }
        String store = "http://127.0.0.1:" + StandaloneCluster.freePort();
        String peer = "http://127.0.0.1:" + StandaloneCluster.freePort();
        server(
                "etcd",
                "--data-dir=" + folder.resolve("etcd"),
                "--unsafe-no-fsync",
                "--listen-client-urls=" + store,
                "--advertise-client-urls=" + store,
                "--listen-peer-urls=" + peer,
                "--initial-advertise-peer-urls=" + peer,
                "--initial-cluster=default=" + peer);
        writeSecrets();
        server(
                "kube-apiserver",
                "--etcd-servers=" + store,
                "--bind-address=127.0.0.1",
                "--secure-port=" + port,
                "--cert-dir=" + folder.resolve("certificates"),
                "--token-auth-file=" + folder.resolve("tokens.csv"),
                "--authorization-mode=AlwaysAllow",
                "--disable-admission-plugins=ServiceAccount",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=" + folder.resolve("public.pem"),
                "--service-account-signing-key-file=" + folder.resolve("private.pem"),
                "--service-cluster-ip-range=10.96.0.0/16",
                "--endpoint-reconciler-type=none");
        servers.get(1).awaitWhileAlive("certificates are there", PATIENCE, () -> Files.exists(certificates()));
    }

    private void writeSecrets() throws IOException, GeneralSecurityException {
        Files.writeString(folder.resolve("tokens.csv"), TOKEN + ",tester,1,system:masters\n");
        Files.writeString(token(), TOKEN);
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2048);
        KeyPair pair = generator.generateKeyPair();
        Files.writeString(folder.resolve("private.pem"), pem("PRIVATE KEY", pair.getPrivate()));
        Files.writeString(folder.resolve("public.pem"), pem("PUBLIC KEY", pair.getPublic()));
        Files.writeString(kubeconfig(), """
                apiVersion: v1
                kind: Config
                current-context: test
                contexts: [{name: test, context: {cluster: test, user: test, namespace: %s}}]
                clusters: [{name: test, cluster: {server: "%s", certificate-authority: "%s"}}]
                users: [{name: test, user: {token: %s}}]
                """.formatted(NAMESPACE, url(), certificates(), TOKEN));
    }

    private static String pem(String kind, Key key) {
        String lines = Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII))
                .encodeToString(key.getEncoded());
        return "-----BEGIN " + kind + "-----\n" + lines + "\n-----END " + kind + "-----\n";
    }

    private void server(String name, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(BINARIES, name).toString()));
        command.addAll(List.of(arguments));
        servers.add(CommandProcess.start(folder, Map.of(), command));
    }

    private boolean isReady() throws InterruptedException {
        try {
            return !api.list("api/v1/namespaces").isEmpty();
        } catch (IOException notYet) {
            return false;
        }
    }

    @Override
    public void close() {
        if (kubelet != null) {
            kubelet.close();
        }
        servers.forEach(CommandProcess::close);
    }
}
