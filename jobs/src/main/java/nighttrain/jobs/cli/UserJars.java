package nighttrain.jobs.cli;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.Causes;
import nighttrain.io.UserError;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.deploy.SparkSubmit$;
import org.apache.spark.util.DependencyUtils;
import org.apache.spark.util.MutableURLClassLoader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Option;
import scala.collection.JavaConverters;

/**
 * The jars of {@code spark.jars} and {@code spark.jars.packages}. Spark takes them to executors; for the driver spark-submit loads
 * them before it calls a main class, and where there is no spark-submit, this does.
 */
public final class UserJars {
    private static final Logger LOG = LoggerFactory.getLogger(UserJars.class);
    private static final String JARS = "spark.jars";
    private static final String PACKAGES = "spark.jars.packages";
    /**
     * What packages name as their dependencies and every Spark has, whose own come first in any case. A build by Maven leaves a machine
     * with descriptions of such versions without their jars, at which Ivy gives up.
     */
    private static final String OF_SPARK = "org.slf4j:*,org.apache.logging.log4j:*,com.fasterxml.jackson.core:*,"
            + "org.apache.parquet:*,org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime";

    private UserJars() {}

    /** Those keys of these, which come too late once spark-submit has run. */
    public static void refuse(Iterable<String> keys) {
        for (String key : keys) {
            if (key.equals(JARS) || key.equals(PACKAGES)) {
                throw UserError.of(
                        "conf that comes too late",
                        key,
                        "spark-submit loads jars before this command starts; give it its own --jars or --packages");
            }
        }
    }

    /** Fetches what lies elsewhere, and adds all to the class loader of this thread. {@code spark.jars} then has all. */
    public static void load(SparkConf conf) {
        String jars = joined(conf.get(JARS, ""), fetched(conf));
        if (jars.isEmpty()) {
            return;
        }
        MutableURLClassLoader loader =
                new MutableURLClassLoader(new URL[0], Thread.currentThread().getContextClassLoader());
        Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
        try {
            jars = DependencyUtils.resolveGlobPaths(jars, hadoop);
            String here = DependencyUtils.downloadFileList(jars, scratch(), conf, hadoop);
            for (String jar : here.split(",", -1)) {
                Path file = Path.of(org.apache.spark.util.Utils.resolveURI(jar).getPath());
                if (!Files.isReadable(file)) {
                    throw UserError.of("no such jar", file, "named by " + JARS + "; check the path");
                }
            }
            DependencyUtils.addJarsToClassPath(here, loader);
        } catch (UserError missing) {
            throw missing;
        } catch (Exception e) { // Scala throws checked ones that no signature names
            throw UserError.of("cannot read " + JARS, jars, reason(e) + "; check the paths", e);
        }
        Thread.currentThread().setContextClassLoader(loader);
        conf.set(JARS, jars);
    }

    /** Goes with the process. */
    private static File scratch() {
        return org.apache.spark.util.Utils.createTempDir(System.getProperty("java.io.tmpdir"), "nighttrain-jars");
    }

    /** The packages and what they need, from Maven repositories. */
    private static String fetched(SparkConf conf) {
        String packages = conf.get(PACKAGES, "");
        if (packages.isBlank()) {
            return "";
        }
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        PrintStream before = SparkSubmit$.MODULE$.printStream();
        PrintStream out = System.out;
        PrintStream log = new PrintStream(said, true, StandardCharsets.UTF_8);
        SparkSubmit$.MODULE$.printStream_$eq(log);
        System.setOut(log); // Ivy says there which settings it reads
        try {
            List<String> files = JavaConverters.seqAsJavaList(DependencyUtils.resolveMavenDependencies(
                    true,
                    joined(conf.get("spark.jars.excludes", ""), OF_SPARK),
                    packages,
                    conf.get("spark.jars.repositories", null),
                    conf.get("spark.jars.ivy", null),
                    Option.apply(conf.get("spark.jars.ivySettings", null))));
            return String.join(",", files);
        } catch (RuntimeException e) {
            throw UserError.of(
                    "cannot fetch " + PACKAGES,
                    packages,
                    reason(e)
                            + "; give group:artifact:version of a package in Maven Central or spark.jars.repositories",
                    e);
        } finally {
            System.setOut(out);
            SparkSubmit$.MODULE$.printStream_$eq(before);
            LOG.info("Fetched {}:\n{}", packages, said.toString(StandardCharsets.UTF_8));
        }
    }

    private static String reason(Exception e) {
        Throwable innermost = Causes.of(e).reduce(e, (outer, inner) -> inner);
        return String.valueOf(innermost.getMessage()).lines().findFirst().orElse("");
    }

    /** Lists with commas as one. */
    public static String joined(String... lists) {
        return Stream.of(lists).filter(list -> !list.isBlank()).collect(Collectors.joining(","));
    }
}
