package nighttrain.jobs;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.library.cycle_detection.CycleDetector;
import com.tngtech.archunit.library.cycle_detection.Edge;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URL;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import nighttrain.executor.Engine;
import nighttrain.io.UserError;
import nighttrain.pipeline.GenerateJob;
import org.junit.jupiter.api.Test;

/** Checks the dependencies of the module jobs: it may use the other modules but not the engine's internals, and no module may use it. */
class ArchitectureTest {
    private static final List<URL> MODULES = Stream.of(UserError.class, Engine.class, GenerateJob.class, Main.class)
            .map(one -> one.getProtectionDomain().getCodeSource().getLocation())
            .toList();

    /** The classes of all modules. They are found by code source, since a search by package would scan every jar. */
    private static final JavaClasses ALL = new ClassFileImporter().importUrls(MODULES);

    @Test
    void nothingDependsOnJobs() {
        noClasses()
                .that()
                .resideOutsideOfPackage("nighttrain.jobs..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("nighttrain.jobs..")
                .check(ALL);
    }

    @Test
    void jobsStaysOutOfTheInsideOfTheEngine() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.jobs..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "nighttrain.executor.run..",
                        "nighttrain.executor.schedule..",
                        "nighttrain.executor.step..",
                        "nighttrain.executor.cache..",
                        "nighttrain.executor.model..",
                        "nighttrain.executor.architecture..",
                        "nighttrain.executor.device..")
                .check(ALL);
    }

    @Test
    void sparkIsSeenFromPipelineAndJobsOnly() {
        noClasses()
                .that()
                .resideInAnyPackage("nighttrain.io..", "nighttrain.executor..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("org.apache.spark..")
                .check(ALL);
    }

    @Test
    void packagesHaveNoCycles() {
        slices().matching("nighttrain.(**)").should().beFreeOfCycles().check(ALL);
    }

    @Test
    void filesHaveNoCycles() {
        Files files = new Files();
        Set<String> names = new HashSet<>();
        Set<Edge<String>> edges = new HashSet<>();
        Matcher use =
                Pattern.compile("(nighttrain\\.\\S+) +-> (nighttrain\\.\\S+)").matcher(uses());
        while (use.find()) {
            String from = files.of(use.group(1));
            String to = files.of(use.group(2));
            names.addAll(List.of(from, to));
            if (!from.equals(to)) {
                edges.add(Edge.create(from, to));
            }
        }
        assertThat(names).contains(UserError.class.getName());
        assertThat(CycleDetector.detectCycles(names, edges))
                .extracting(
                        cycle -> cycle.getEdges().stream().map(Edge::getOrigin).toList())
                .isEmpty();
    }

    /**
     * Returns jdeps' lines {@code class -> class}: unlike ArchUnit, jdeps reports every class that a class file names, including uses of constants
     * and of values that are only passed on.
     */
    private static String uses() {
        StringWriter uses = new StringWriter();
        Stream<String> options = Stream.of("-v", "-e", "nighttrain\\..*");
        int status = ToolProvider.findFirst("jdeps")
                .orElseThrow()
                .run(
                        new PrintWriter(uses),
                        new PrintWriter(uses),
                        Stream.concat(options, MODULES.stream().map(URL::getPath))
                                .toArray(String[]::new));
        assertThat(status).as(uses.toString()).isZero();
        return uses.toString();
    }

    /** Maps classes to files by outermost class. A sealed type and its permitted subtypes count as one file, wherever they are. */
    private static final class Files {
        private final Map<String, String> partOf = new HashMap<>();

        Files() {
            for (JavaClass sealed : ALL) {
                for (JavaClass permitted : sealed.getPermittedSubclasses().orElse(Set.of())) {
                    String part = of(permitted.getName());
                    String whole = of(sealed.getName());
                    if (!part.equals(whole)) {
                        partOf.put(part, whole);
                    }
                }
            }
        }

        String of(String className) {
            String file = className.replaceFirst("\\$.*", "");
            while (partOf.containsKey(file)) {
                file = partOf.get(file);
            }
            return file;
        }
    }
}
