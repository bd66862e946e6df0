package nighttrain.jobs;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** The calls of Kubernetes' API that {@link Kubelet} and tests make. */
final class KubernetesApi {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String url;
    private final String token;
    private final HttpClient client;

    /** {@code certificates}: the server's certificates, as PEM. */
    KubernetesApi(String url, Path certificates, String token) throws IOException, GeneralSecurityException {
        this.url = url;
        this.token = token;
        this.client = HttpClient.newBuilder().sslContext(trusting(certificates)).build();
    }

    private static SSLContext trusting(Path certificates) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var pem = Files.newInputStream(certificates)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("certificate-" + store.size(), one);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    /** Returns all objects of a kind, such as {@code api/v1/pods}, in all namespaces. */
    List<JsonNode> list(String kind) throws IOException, InterruptedException {
        List<JsonNode> items = new ArrayList<>();
        get(kind).orElseThrow().required("items").forEach(items::add);
        return items;
    }

    /** Returns the object, or empty if it does not exist. */
    Optional<JsonNode> get(String path) throws IOException, InterruptedException {
        return send("GET", path, "application/json", null);
    }

    void create(String path, Map<String, ?> body) throws IOException, InterruptedException {
        send("POST", path, "application/json", body);
    }

    void patch(String path, Map<String, ?> body) throws IOException, InterruptedException {
        send("PATCH", path, "application/merge-patch+json", body);
    }

    /** Requests its deletion with this grace period. */
    void delete(String path, Duration grace) throws IOException, InterruptedException {
        send("DELETE", path, "application/json", Map.of("gracePeriodSeconds", grace.toSeconds()));
    }

    private Optional<JsonNode> send(String method, String path, String type, Map<String, ?> body)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/" + path))
                .timeout(Duration.ofSeconds(30))
                .header("Authorization", "Bearer " + token)
                .header("Content-Type", type)
                .method(
                        method,
                        body == null
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)))
                .build();
        HttpResponse<byte[]> response = client.send(request, HttpResponse.BodyHandlers.ofByteArray());
        if (response.statusCode() == 404) {
            return Optional.empty();
        }
        if (response.statusCode() / 100 != 2) {
            throw new IOException(method + " " + path + ": " + new String(response.body(), StandardCharsets.UTF_8));
        }
        return Optional.of(JSON.readTree(response.body()));
    }
}
