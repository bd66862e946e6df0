package nighttrain.pipeline;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    private final JavaClasses classes = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> location.contains("/nighttrain/") && !location.contains("/testing/"))
            .importPackages("nighttrain");

    @Test
    void packagesHaveNoCycles() {
        slices().matching("nighttrain.pipeline.(*)..").should().beFreeOfCycles().check(classes);
    }

    @Test
    void partsDoNotKnowTheWhole() {
        noClasses()
                .that()
                .resideInAPackage("nighttrain.pipeline.*..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("nighttrain.pipeline")
                .check(classes);
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
                .check(classes);
    }

    @Test
    void nothingToTheRightKnowsThePipelineOrSpark() {
        noClasses()
                .that()
                .resideInAnyPackage("nighttrain.io..", "nighttrain.executor..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("nighttrain.pipeline..", "org.apache.spark..")
                .check(classes);
    }

    /** This module is for what uses Spark; what does not belongs to another, or says here why not. */
    private static final Map<String, String> WITHOUT_SPARK = Map.of(
            "settings", "what can be set of a job, on whose driver and executors it is read",
            "report",
                    "pages and charts: report.html belongs to every job, and those from Java never meet the module jobs");

    @Test
    void everyPackageUsesSparkOrSaysWhyNot() {
        Set<String> all = new TreeSet<>();
        Set<String> withSpark = new TreeSet<>();
        for (JavaClass each : classes) {
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
