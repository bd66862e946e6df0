package nighttrain.jobs;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.util.stream.Stream;
import nighttrain.executor.Engine;
import nighttrain.io.UserError;
import nighttrain.pipeline.GenerateJob;
import org.junit.jupiter.api.Test;

/** jobs is the leftmost module: it may see the others, none of them sees it, and the engine's inside is not its business. */
class ArchitectureTest {
    /** Those of all modules, by place: to look for a package, every jar would be searched. */
    private static final JavaClasses ALL = new ClassFileImporter()
            .importUrls(Stream.of(UserError.class, Engine.class, GenerateJob.class, Main.class)
                    .map(one -> one.getProtectionDomain().getCodeSource().getLocation())
                    .toList());

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
}
