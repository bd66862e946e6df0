package nighttrain.executor;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClasspathRoots;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import nighttrain.executor.device.cuda.CudaDevices;
import nighttrain.io.UserError;
import org.junit.platform.engine.TestTag;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Prints once, when Maven runs this module's tests, how many tests are left out because they need a GPU, so that a green run is not taken for a
 * full one. Maven's first fork prints it after its first test plan (each class has its own plan).
 */
public final class LeftOutGpuTests implements TestExecutionListener {
    private static final String TAG = "gpu";
    private static final AtomicBoolean SAID = new AtomicBoolean();

    @Override
    public void testPlanExecutionFinished(TestPlan plan) {
        List<String> excluded =
                List.of(System.getProperty("nighttrain.excluded.groups", "").split(","));
        boolean someWereChosen = System.getProperty("test") != null || System.getProperty("groups") != null;
        boolean first = "fork-1".equals(System.getProperty("nighttrain.fork"));
        if (!excluded.contains(TAG) || someWereChosen || !first || SAID.getAndSet(true)) {
            return;
        }
        int leftOut = count(discovered(), TAG);
        if (leftOut > 0) {
            System.out.println("Left out: " + leftOut + " tests that need a GPU; " + why());
        }
    }

    private static TestPlan discovered() {
        LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClasspathRoots(Set.of(testClasses())))
                .filters(TagFilter.includeTags(TAG))
                .build();
        return LauncherFactory.create().discover(request);
    }

    private static Path testClasses() {
        try {
            return Path.of(LeftOutGpuTests.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Counts test methods with a tag. A method with parameters counts once, since only a run knows how often it is called. */
    private static int count(TestPlan plan, String tag) {
        return (int) plan.getRoots().stream()
                .flatMap(root -> plan.getDescendants(root).stream())
                .filter(LeftOutGpuTests::isMethod)
                .filter(test -> test.getTags().contains(TestTag.create(tag)))
                .count();
    }

    private static boolean isMethod(TestIdentifier test) {
        return test.getSource().filter(MethodSource.class::isInstance).isPresent();
    }

    private static String why() {
        try {
            CudaDevices.require();
            return "there is one here: mvn verify -Pgpu runs them";
        } catch (UserError e) {
            return e.getMessage();
        }
    }
}
