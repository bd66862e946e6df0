package nighttrain.pipeline.stores;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** S3Proxy, a server of S3's protocol, with an empty bucket in its memory. */
final class S3 implements AutoCloseable {
    static final String BUCKET = "night";

    private final Daemon server;
    private final String endpoint;

    S3(Path dir) throws IOException {
        endpoint = "http://127.0.0.1:" + Daemon.freePort();
        Path properties = Files.writeString(
                dir.resolve("s3proxy.properties"),
                "s3proxy.authorization=none\ns3proxy.ignore-unknown-headers=true\ns3proxy.endpoint=" + endpoint
                        + "\njclouds.provider=transient\njclouds.identity=x\njclouds.credential=y\n");
        // It is alone on its class path, since its jar has all it needs.
        server = Daemon.start(
                dir.resolve("s3proxy.log"),
                Daemon.jar("s3proxy.jar"),
                "org.gaul.s3proxy.Main",
                "--properties",
                properties.toString());
        HttpRequest bucket = HttpRequest.newBuilder(URI.create(endpoint + "/" + BUCKET))
                .PUT(HttpRequest.BodyPublishers.noBody())
                .build();
        server.await(() -> HttpClient.newHttpClient()
                        .send(bucket, HttpResponse.BodyHandlers.discarding())
                        .statusCode()
                == 200);
    }

    /** Returns the conf by which Hadoop reaches it. */
    Map<String, String> conf() {
        return Map.of(
                "fs.s3a.endpoint", endpoint,
                "fs.s3a.endpoint.region", "us-east-1",
                "fs.s3a.path.style.access", "true",
                "fs.s3a.connection.ssl.enabled", "false",
                "fs.s3a.access.key", "x",
                "fs.s3a.secret.key", "y",
                "fs.s3a.aws.credentials.provider", "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
                "fs.s3a.attempts.maximum", "2");
    }

    @Override
    public void close() {
        server.close();
    }
}
