package nighttrain.jobs.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import nighttrain.io.UserError;
import nighttrain.pipeline.cluster.FirstExecutor;
import nighttrain.pipeline.cluster.LoneExecutor;
import nighttrain.pipeline.cluster.StageGpus;
import nighttrain.pipeline.engine.NightTrainPlugin;
import nighttrain.pipeline.job.UserPath;
import nighttrain.pipeline.settings.SettingValues;
import nighttrain.pipeline.settings.Settings;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.deploy.SparkHadoopUtil;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/** Starts Spark as requested: embedded, on a cluster by {@code --master}, or as spark-submit has set it up. */
public final class Sessions {
    private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);

    /**
     * Times that a task may fail. Each row that crashes its executor costs its task two, each lost executor may cost it one, and a long job has some
     * of both: Spark's default of four is meant for tasks of minutes.
     */
    private static final int TASK_FAILURES = 16;

    /** Defaults for long jobs on nodes that come and go; the user's conf wins. */
    private static final Map<String, String> DEFAULTS = Map.of(
            "spark.task.maxFailures", String.valueOf(TASK_FAILURES),
            "spark.stage.maxConsecutiveAttempts", "10",
            "spark.decommission.enabled", "true");

    /** Defaults where the input is small: compiling and replanning its queries takes longer than running them. The user's conf wins. */
    private static final Map<String, String> INTERPRETED = Map.of(
            "spark.sql.codegen.wholeStage", "false",
            "spark.sql.codegen.factoryMode", "NO_CODEGEN",
            "spark.sql.adaptive.enabled", "false",
            "spark.sql.shuffle.partitions", "2");

    private static final long LITTLE_BYTES = 1 << 20;
    private static final int FEW_FILES = 100;

    private static final int YARN_STARTS = 5;
    private static final String EMBEDDED = "local[*," + TASK_FAILURES + "]";

    private Sessions() {}

    /**
     * Returns the conf before a session exists: spark-submit's system properties, then {@code --conf}.
     *
     * @param master value of {@code --master}; empty where spark-submit sets the master, or Spark runs embedded
     */
    public static SparkConf conf(Optional<String> master, Map<String, String> extra) {
        SparkConf conf = new SparkConf();
        SettingValues.refuseUnknown(extra.keySet());
        SettingValues.refuseUnknown(Stream.of(conf.getAll()).map(Tuple2::_1).toList());
        if (!conf.contains("spark.master")) {
            conf.setMaster(master.orElse(EMBEDDED)).set("spark.ui.showConsoleProgress", "false");
            extra.forEach(conf::set);
            UserJars.load(conf);
            if (isRemote(conf) && !conf.contains("spark.executor.extraClassPath")) {
                conf.set("spark.jars", UserJars.joined(jarOfThisBuild(), conf.get("spark.jars", "")));
            }
            return named(conf);
        }
        if (master.isPresent() && !master.get().equals(conf.get("spark.master"))) {
            throw UserError.of(
                    "two masters",
                    master.get(),
                    "spark-submit was given " + conf.get("spark.master") + "; leave --master to it");
        }
        UserJars.refuse(extra.keySet());
        extra.forEach(conf::set);
        return named(conf);
    }

    private static SparkConf named(SparkConf conf) {
        return conf.setIfMissing("spark.app.name", "night-train");
    }

    /** Starts Spark with the engine's plugin on every executor. */
    public static SparkSession open(SparkConf conf, SettingValues settings) {
        refuseTaskGpus(conf);
        LocalFolders.check(conf);
        StageGpus.claim(conf);
        settings.asSparkConf().forEach(conf::set);
        settings.find(Settings.OUTPUT_PATH).ifPresent(output -> LocalUmask.obey(conf, output));
        DEFAULTS.forEach(conf::setIfMissing);
        interpretLittle(conf, settings);
        cutForExecutorsToCome(conf);
        conf.set(
                "spark.plugins",
                Stream.concat(
                                Stream.of(conf.get("spark.plugins", "").split(",")),
                                Stream.of(NightTrainPlugin.class.getName()))
                        .filter(name -> !name.isBlank())
                        .distinct()
                        .collect(Collectors.joining(",")));
        // Starts a context first: a session's builder would read system properties again, and with them keys that were
        // removed from the conf.
        start(conf);
        return SparkSession.builder().getOrCreate();
    }

    /**
     * Starts Spark, on YARN repeatedly. As a client of YARN, Spark 4.2 starts the handlers of its UI in one thread while another thread, started by
     * YARN's application master, adds a filter to each: either may see a half-finished change of the other (seen in two starts of nine).
     */
    private static void start(SparkConf conf) {
        for (int starts = 1; ; starts++) {
            try {
                SparkContext.getOrCreate(conf);
                return;
            } catch (ConcurrentModificationException | IllegalStateException e) {
                if (!conf.get("spark.master").equals("yarn") || starts == YARN_STARTS) {
                    throw e;
                }
                LOG.warn("Spark did not start on YARN; once more", e);
            }
        }
    }

    /** Like {@link #open}, but with exactly one executor, which is up on return: measurements need it alone. No engine is opened unasked. */
    public static SparkSession openToMeasure(SparkConf conf, Duration executorWait, ProgressBar bar) {
        LoneExecutor.claim(conf);
        SparkSession spark = open(conf, SettingValues.none());
        try {
            FirstExecutor.await(spark.sparkContext(), executorWait, bar::waits);
            return spark;
        } catch (RuntimeException none) {
            spark.stop();
            throw none;
        }
    }

    /** Chooses how embedded Spark runs a job's queries, by the size of its input. */
    static void interpretLittle(SparkConf conf, SettingValues settings) {
        if (!isRemote(conf)
                && settings.find(Settings.INPUT_PATH).filter(Sessions::isLittle).isPresent()) {
            INTERPRETED.forEach(conf::setIfMissing);
        }
    }

    /** Whether an input is a local file, or a folder of a few, small enough to be read at once. */
    private static boolean isLittle(String input) {
        try (Stream<Path> all = Files.walk(Path.of(input))) {
            List<Path> files =
                    all.filter(Files::isRegularFile).limit(FEW_FILES + 1).toList();
            long bytes = 0;
            for (Path file : files) {
                bytes += Files.size(file);
            }
            return files.size() <= FEW_FILES && bytes <= LITTLE_BYTES;
        } catch (IOException | UncheckedIOException | InvalidPathException elsewhere) {
            return false;
        }
    }

    /** With dynamic allocation a job starts on few executors; its tasks are cut for the most executors that it may get. */
    private static void cutForExecutorsToCome(SparkConf conf) {
        int most = conf.getInt("spark.dynamicAllocation.maxExecutors", Integer.MAX_VALUE);
        int cores = conf.getInt("spark.executor.cores", 1);
        if (conf.getBoolean("spark.dynamicAllocation.enabled", false) && most <= Integer.MAX_VALUE / cores) {
            conf.setIfMissing("spark.default.parallelism", String.valueOf(most * cores));
        }
    }

    /** Refuses GPUs per task: embedded Spark has no such resource and would wait forever; elsewhere task slots would share the first GPU. */
    private static void refuseTaskGpus(SparkConf conf) {
        String key = "spark.task.resource.gpu.amount";
        if (conf.contains(key)) {
            throw UserError.of(
                    "bad conf " + key,
                    conf.get(key),
                    "the engine has all GPUs of its executor, and tasks ask for none; leave it out");
        }
    }

    public static boolean isRemote(SparkConf conf) {
        String master = conf.get("spark.master");
        return !master.equals("local") && !master.startsWith("local[");
    }

    /** Returns the jar that executors on other machines need: jobs/target/nighttrain.jar, next to the classes that run here. */
    private static String jarOfThisBuild() {
        Path classes = Path.of(Sessions.class
                .getProtectionDomain()
                .getCodeSource()
                .getLocation()
                .getPath());
        Path jar = classes.resolveSibling("nighttrain.jar");
        if (!Files.exists(jar)) {
            throw UserError.of(
                    "no jar for the executors", jar, "--master needs it; build it with mvn -DskipTests package");
        }
        return jar.toString();
    }

    /**
     * Makes a local output obey the process's umask, unless Hadoop's {@code fs.permissions.umask-mode} is set. By default Hadoop applies its own mode
     * on local disks too, whatever umask the process has.
     */
    private static final class LocalUmask {
        private static final String HADOOPS = "fs.permissions.umask-mode";
        private static final Path STATUS = Path.of("/proc/self/status");
        private static final String UMASK = "Umask:";

        private LocalUmask() {}

        /** @param output output path of the job */
        static void obey(SparkConf conf, String output) {
            Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
            String scheme = UserPath.of(output).toUri().getScheme();
            String where = scheme == null ? FileSystem.getDefaultUri(hadoop).getScheme() : scheme;
            if (where.equals("file") && isDefault(hadoop)) {
                ofThisProcess().ifPresent(umask -> conf.set("spark.hadoop." + HADOOPS, umask));
                closeLocal(hadoop);
            }
        }

        /** Closes the local file system: it keeps the umask that it was opened with, and loading jars opens it, here or in spark-submit. */
        private static void closeLocal(Configuration hadoop) {
            try {
                FileSystem.getLocal(hadoop).close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static boolean isDefault(Configuration hadoop) {
            String[] sources = hadoop.getPropertySources(HADOOPS);
            return sources == null || Arrays.stream(sources).allMatch(source -> source.endsWith("-default.xml"));
        }

        /** Returns the umask that Linux reports, in octal digits; empty elsewhere. */
        private static Optional<String> ofThisProcess() {
            try {
                return Files.readAllLines(STATUS).stream()
                        .filter(line -> line.startsWith(UMASK))
                        .map(line -> line.substring(UMASK.length()).strip())
                        .findFirst();
            } catch (IOException elsewhere) {
                return Optional.empty();
            }
        }
    }
}
