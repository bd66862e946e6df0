package nighttrain.pipeline.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;

/** Scripts and styles that every page carries: uPlot's, and ours that tell it what to draw. */
final class Assets {
    private static final String UPLOT = "/META-INF/resources/webjars/uplot/" + uplotVersion() + "/dist/";

    /** In the order in which they run. */
    static final List<String> SCRIPTS = List.of(read(UPLOT + "uPlot.iife.min.js"), read("report.js"));

    static final String STYLE = read(UPLOT + "uPlot.min.css") + read("report.css");

    /** Nothing is fetched, and nothing runs but what has the digest of what we wrote. */
    static final String POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src " + digest(STYLE)
            + "; script-src "
            + SCRIPTS.stream().map(Assets::digest).collect(Collectors.joining(" "));

    private Assets() {}

    private static String uplotVersion() {
        try (InputStream in = Assets.class.getResourceAsStream("/nighttrain/pipeline/version.properties")) {
            Properties versions = new Properties();
            versions.load(in);
            return versions.getProperty("uplot");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(String resource) {
        try (InputStream in = Assets.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalStateException("not on the class path: " + resource);
            }
            // Browsers read CR LF as LF, and would find another digest.
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).replace("\r\n", "\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String digest(String source) {
        try {
            byte[] sha = MessageDigest.getInstance("SHA-256").digest(source.getBytes(StandardCharsets.UTF_8));
            return "'sha256-" + Base64.getEncoder().encodeToString(sha) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
