package nighttrain.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileUtil;

/**
 * A complete Spark distribution in a folder.
 *
 * @param home value of SPARK_HOME
 * @param line its major and minor version
 */
record Distribution(Path home, String line, String scala) {
    private static final Path BUILDS = Project.ROOT.resolve("jobs/target");
    private static final Pattern CORE = Pattern.compile("spark-core_([0-9.]+)-([0-9]+\\.[0-9]+).*\\.jar");

    /**
     * Returns the distributions in pyspark packages, each installed by {@code pip install --target folder/3.5.9 pyspark==3.5.9}. Where Night Train is
     * built for Spark 3.5 with Scala 2.13, of which there is no package, that distribution is added.
     */
    static List<Distribution> in(Path folder) throws IOException {
        List<Distribution> all = new ArrayList<>();
        for (Path home : listed(folder).map(each -> each.resolve("pyspark")).toList()) {
            if (Files.isDirectory(home)) {
                all.add(of(home));
            }
        }
        Path build = BUILDS.resolve("spark-3.5_2.13");
        for (Distribution each : List.copyOf(all)) {
            if (each.line.equals("3.5") && Files.exists(build.resolve("classpath.txt"))) {
                all.add(each.withJars(SparkInstallation.jars(build), build.resolve("distribution")));
            }
        }
        return all;
    }

    private static Distribution of(Path home) throws IOException {
        Matcher core = listed(home.resolve("jars"))
                .map(jar -> CORE.matcher(jar.getFileName().toString()))
                .filter(Matcher::matches)
                .findFirst()
                .orElseThrow();
        return new Distribution(home, core.group(2), core.group(1));
    }

    /** Links its scripts, its Python and the given jars into a new folder. */
    private Distribution withJars(List<Path> jars, Path other) throws IOException {
        FileUtil.fullyDelete(other.toFile());
        SparkInstallation.linkJars(other, jars);
        for (String part : List.of("bin", "python")) {
            Files.createSymbolicLink(other.resolve(part), home.resolve(part));
        }
        return of(other);
    }

    private static Stream<Path> listed(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList().stream();
        }
    }

    /** Returns Night Train's jar for this version. */
    Path jar() {
        String build = "spark-" + line + "_" + scala;
        return line.equals("4.2")
                ? BUILDS.resolve("nighttrain.jar")
                : BUILDS.resolve(build).resolve("nighttrain-" + build + ".jar");
    }

    /** Returns the environment of its scripts. */
    Map<String, String> environment() {
        return Map.of(
                "SPARK_HOME",
                home.toString(),
                "SPARK_SCALA_VERSION",
                scala,
                "SPARK_LOCAL_IP",
                "127.0.0.1",
                "JAVA_HOME",
                System.getProperty("java.home"));
    }

    /** Returns Delta's coordinates from the table of INPUT.md, for this Scala. */
    String deltaPackage() throws IOException {
        Matcher row = Pattern.compile("\\| " + Pattern.quote(line) + " \\|[^|]*\\| `(delta-spark\\S*)_[0-9.]+:(\\S+)`")
                .matcher(Files.readString(Project.ROOT.resolve("pipeline/INPUT.md")));
        if (!row.find()) {
            throw new IllegalStateException("no Delta for Spark " + line + " in INPUT.md");
        }
        return "io.delta:" + row.group(1) + "_" + scala + ":" + row.group(2);
    }

    /** Returns whether the package holds Spark Connect, as it does from 4.0 on. */
    boolean hasConnect() {
        return !line.startsWith("3.");
    }

    /** Returns the environment of a Python client without a JVM: the package, and what {@code CONTRIBUTING.md} installs beside it. */
    Map<String, String> clientEnvironment() {
        Path folder = home.getParent();
        return Map.of("PYTHONPATH", folder + ":" + folder.resolveSibling("connect"));
    }

    @Override
    public String toString() {
        return "Spark " + line + ", Scala " + scala;
    }
}
