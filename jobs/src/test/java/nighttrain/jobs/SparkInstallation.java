package nighttrain.jobs;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileUtil;

/**
 * A Spark installation with Spark's own SparkSubmit and without any of our classes or libraries.
 *
 * @param home value of SPARK_HOME
 * @param jars the jars that would be in {@code jars/}
 */
record SparkInstallation(Path home, List<Path> jars) {
    /** Jars of the launcher's class path that no Spark installation has. */
    private static final Pattern OURS = Pattern.compile(
            "nighttrain|/(io|executor-gpu|pipeline)/target/|/ai/djl/|/jna/|/hubspot/|/picocli/|/re2j/|/commons-net/|/java-ipv6/"
                    + "|/jackson-datatype-jdk8/|/big-math/|/immutables/|/derive4j/|/com/google/code/findbugs/annotations/");

    /** Installs in a folder the jars that we compile with, and {@code more}. */
    static SparkInstallation in(Path folder, Path... more) throws IOException {
        Path target = Project.ROOT.resolve("jobs/target");
        return install(
                folder,
                target,
                Stream.concat(jars(target).stream(), Stream.of(more)).toList());
    }

    /** Installs the Spark that a build is for, in the build's folder; the default build is {@code ""}. */
    static SparkInstallation of(String build) throws IOException {
        Path target = Project.ROOT.resolve("jobs/target").resolve(build);
        Path folder = target.resolve("installed");
        FileUtil.fullyDelete(folder.toFile());
        SparkInstallation spark = install(folder, target, jars(target));
        linkJars(spark.home, spark.jars);
        return spark;
    }

    /** Returns the jars of Spark that Maven resolved for a build. */
    static List<Path> jars(Path target) throws IOException {
        return Arrays.stream(Files.readString(target.resolve("classpath.txt")).split(File.pathSeparator))
                .filter(jar -> !OURS.matcher(jar).find())
                .map(Path::of)
                .toList();
    }

    /** Links jars to where Spark's scripts and conf/cluster/submit look for them. */
    static void linkJars(Path home, List<Path> jars) throws IOException {
        Path links = Files.createDirectories(home.resolve("jars"));
        for (Path jar : jars) {
            Files.createSymbolicLink(links.resolve(jar.getFileName()), jar);
        }
    }

    private static SparkInstallation install(Path folder, Path target, List<Path> jars) throws IOException {
        Path submit = folder.resolve("spark/bin/spark-submit");
        Files.createDirectories(submit.getParent());
        // JVMs that start at once may warn of UsePerfData on stdout, which holds the results.
        Files.writeString(submit, """
                #!/usr/bin/env bash
                exec java @%s %s -Xmx2g -XX:-UsePerfData -cp "${HADOOP_CONF_DIR:+$HADOOP_CONF_DIR:}%s" org.apache.spark.deploy.SparkSubmit "$@"
                """.formatted(
                        target.resolve("jvm.options"), String.join(" ", BriefRun.JVM_FLAGS), classPath(jars)));
        if (!submit.toFile().setExecutable(true)) {
            throw new IOException("cannot make executable: " + submit);
        }
        return new SparkInstallation(folder.resolve("spark"), jars);
    }

    /** Runs conf/cluster/submit in a folder; the output is {@code out} in that folder. */
    CommandProcess submit(Path folder, Map<String, String> environment, String model, Path input, String... options)
            throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Project.CONF.resolve("cluster/submit").toString(),
                "--model",
                model,
                "--input",
                input.toString(),
                "--output",
                folder.resolve("out").toString()));
        command.addAll(List.of(options));
        Map<String, String> all = new HashMap<>(environment);
        all.put("SPARK_HOME", home.toString());
        return CommandProcess.start(folder, all, command);
    }

    static String classPath(List<Path> jars) {
        return jars.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }
}
