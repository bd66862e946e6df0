package nighttrain.pipeline;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import nighttrain.executor.Engine;
import nighttrain.io.UserError;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    /** The classes of this module and of the modules it uses. They are found by code source, since a search by package would scan every jar. */
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .importUrls(Stream.of(UserError.class, Engine.class, GenerateJob.class)
                    .map(one -> one.getProtectionDomain().getCodeSource().getLocation())
                    .toList());

    @Test
    void packagesHaveNoCycles() {
        slices().matching("nighttrain.pipeline.(*)..").should().beFreeOfCycles().check(CLASSES);
    }

    @Test
    void partsDoNotKnowTheWhole() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.pipeline.*..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("nighttrain.pipeline")
                .check(CLASSES);
    }

    @Test
    void theEngineIsUsedByItsPublicFaceAlone() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.pipeline..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "nighttrain.executor.run..",
                        "nighttrain.executor.schedule..",
                        "nighttrain.executor.cache..",
                        "nighttrain.executor.step..",
                        "nighttrain.executor.model..",
                        "nighttrain.executor.architecture..",
                        "nighttrain.executor.device..",
                        "nighttrain.jobs..",
                        "jcuda..",
                        "com.sun.jna..")
                .check(CLASSES);
    }

    @Test
    void nothingToTheRightKnowsThePipelineOrSpark() {
        noClasses()
                .that()
                .resideInAnyPackage("nighttrain.io..", "nighttrain.executor..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("nighttrain.pipeline..", "org.apache.spark..")
                .check(CLASSES);
    }

    /** Packages that may lack Spark in this module, each with its reason; other code without Spark belongs to another module. */
    private static final Map<String, String> WITHOUT_SPARK = Map.of(
            "settings", "what can be set of a job, on whose driver and executors it is read",
            "report",
                    "pages and charts: report.html belongs to every job, and those from Java never meet the module jobs");

    @Test
    void everyPackageUsesSparkOrSaysWhyNot() {
        Set<String> all = new TreeSet<>();
        Set<String> withSpark = new TreeSet<>();
        for (JavaClass each : CLASSES) {
            Matcher name = Pattern.compile("nighttrain\\.pipeline\\.(\\w+).*").matcher(each.getPackageName());
            if (name.matches()) {
                all.add(name.group(1));
                if (each.getDirectDependenciesFromSelf().stream()
                        .anyMatch(use -> use.getTargetClass().getPackageName().startsWith("org.apache.spark"))) {
                    withSpark.add(name.group(1));
                }
            }
        }
        assertThat(withSpark).isNotEmpty();
        all.removeAll(withSpark);
        assertThat(all).isEqualTo(new TreeSet<>(WITHOUT_SPARK.keySet()));
    }
}
