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
 * Loads the jars of {@code spark.jars} and {@code spark.jars.packages} for the driver where there is no spark-submit. Spark ships them to executors;
 * spark-submit loads them for the driver before it calls a main class.
 */
public final class UserJars {
    private static final Logger LOG = LoggerFactory.getLogger(UserJars.class);
    private static final String JARS = "spark.jars";
    private static final String PACKAGES = "spark.jars.packages";
    /**
     * Dependencies that packages name and every Spark has; Spark's own versions come first on the class path in any case. A Maven build leaves
     * descriptions of such versions without their jars in the local repository, and Ivy fails on them.
     */
    private static final String OF_SPARK = "org.slf4j:*,org.apache.logging.log4j:*,com.fasterxml.jackson.core:*,"
            + "org.apache.parquet:*,org.apache.hadoop:hadoop-client-api,org.apache.hadoop:hadoop-client-runtime";

    private UserJars() {}

    /** Refuses the keys that come too late once spark-submit has run. */
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

    /** Downloads remote jars and adds all jars to the class loader of this thread. {@code spark.jars} then lists all of them. */
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
        } catch (Exception e) { // Scala throws checked exceptions that no signature declares
            throw UserError.of("cannot read " + JARS, jars, reason(e) + "; check the paths", e);
        }
        Thread.currentThread().setContextClassLoader(loader);
        conf.set(JARS, jars);
    }

    /** Creates a folder that is deleted when the process ends. */
    private static File scratch() {
        return org.apache.spark.util.Utils.createTempDir(System.getProperty("java.io.tmpdir"), "nighttrain-jars");
    }

    /** Downloads the packages and their dependencies from Maven repositories. */
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
        System.setOut(log); // Ivy prints there which settings it reads
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

    /** Joins comma-separated lists into one. */
    public static String joined(String... lists) {
        return Stream.of(lists).filter(list -> !list.isBlank()).collect(Collectors.joining(","));
    }
}
