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

/** Spark as it was asked for: embedded, on a cluster by {@code --master}, or as spark-submit has set it up. */
public final class Sessions {
    private static final Logger LOG = LoggerFactory.getLogger(Sessions.class);

    /**
     * Times that a task may fail. Each row that ends what computes it costs its task two, each executor that dies may cost it
     * one, and a long night has some of both: Spark's four are for tasks that take minutes.
     */
    private static final int TASK_FAILURES = 16;

    /** For jobs of a night on nodes that come and go, where a user says nothing else. */
    private static final Map<String, String> DEFAULTS = Map.of(
            "spark.task.maxFailures", String.valueOf(TASK_FAILURES),
            "spark.stage.maxConsecutiveAttempts", "10",
            "spark.decommission.enabled", "true");

    /** Where nobody says otherwise and the input is little: to compile and replan its queries takes longer than to run them. */
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
     * The conf before a session is there: what spark-submit left in system properties, then {@code --conf}.
     *
     * @param master that of {@code --master}; empty where spark-submit gives one, or Spark is to be embedded
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

    /** Starts Spark, with the engine's plugin on every executor. */
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
        // By a context: a session's builder would read system properties again, and with them what was taken out of the
        // conf.
        start(conf);
        return SparkSession.builder().getOrCreate();
    }

    /**
     * As a client of YARN, Spark 4.2 starts the handlers of its UI in one thread while another, which YARN's application master has woken,
     * adds a filter to each: either may meet what the other has half done (seen in two starts of nine).
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

    /** As {@link #open}, with one executor, which is there: what measures wants no other beside it. It opens no engine unasked. */
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

    /** Chooses how embedded Spark runs a job's queries where that follows from its input. */
    static void interpretLittle(SparkConf conf, SettingValues settings) {
        if (!isRemote(conf)
                && settings.find(Settings.INPUT_PATH).filter(Sessions::isLittle).isPresent()) {
            INTERPRETED.forEach(conf::setIfMissing);
        }
    }

    /** Whether an input is a file of this machine, or a folder of some files, that is read in no time. */
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

    /** With dynamic allocation a job begins on few executors; tasks are cut for those that it may have when it feeds engines. */
    private static void cutForExecutorsToCome(SparkConf conf) {
        int most = conf.getInt("spark.dynamicAllocation.maxExecutors", Integer.MAX_VALUE);
        int cores = conf.getInt("spark.executor.cores", 1);
        if (conf.getBoolean("spark.dynamicAllocation.enabled", false) && most <= Integer.MAX_VALUE / cores) {
            conf.setIfMissing("spark.default.parallelism", String.valueOf(most * cores));
        }
    }

    /** Embedded Spark has no such resource, and would wait for it for ever; elsewhere slots would share the first GPU. */
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

    /** What the executors of another machine need: jobs/target/nighttrain.jar, beside the classes that run here. */
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
     * Hadoop gives files the permissions that its own {@code fs.permissions.umask-mode} leaves, on local disks too, whatever umask the
     * process has. Here a local output obeys the umask, unless somebody has set Hadoop's.
     */
    private static final class LocalUmask {
        private static final String HADOOPS = "fs.permissions.umask-mode";
        private static final Path STATUS = Path.of("/proc/self/status");
        private static final String UMASK = "Umask:";

        private LocalUmask() {}

        /** @param output of the job */
        static void obey(SparkConf conf, String output) {
            Configuration hadoop = SparkHadoopUtil.get().newConfiguration(conf);
            String scheme = new org.apache.hadoop.fs.Path(output).toUri().getScheme();
            String where = scheme == null ? FileSystem.getDefaultUri(hadoop).getScheme() : scheme;
            if (where.equals("file") && isDefault(hadoop)) {
                ofThisProcess().ifPresent(umask -> conf.set("spark.hadoop." + HADOOPS, umask));
            }
        }

        private static boolean isDefault(Configuration hadoop) {
            String[] sources = hadoop.getPropertySources(HADOOPS);
            return sources == null || Arrays.stream(sources).allMatch(source -> source.endsWith("-default.xml"));
        }

        /** As Linux tells it, in octal digits; empty elsewhere. */
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
