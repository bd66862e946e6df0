package nighttrain.pipeline;

import nighttrain.pipeline.host.EngineFactory;
import nighttrain.pipeline.host.EngineFactory.RealEngines;
import nighttrain.pipeline.sql.ModelCalls;
import org.apache.spark.sql.SparkSessionExtensions;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Adds SQL functions that call a model: {@code spark.sql.extensions=nighttrain.pipeline.NightTrainExtensions}.
 *
 * <pre>
 * SELECT id, llm_generate(text, map('model', '/models/m', 'max_tokens', '32')) FROM t
 * SELECT id, llm_label(text, array('bug', 'praise'), map('model', '/models/m')) FROM t
 * </pre>
 *
 * <p>Options are the settings by name, as those of {@link NightTrainSource}; {@code spark.nighttrain.*} holds for each setting that a call
 * does not set. {@code llm_generate_result} and {@code llm_label_result} return all result fields of a row, its error included. Results
 * live as long as the query: nothing is resumed, and a query that runs again computes again.
 */
public final class NightTrainExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
    private final EngineFactory engines;

    /** Spark calls this constructor by reflection. */
    public NightTrainExtensions() {
        this(new RealEngines());
    }

    NightTrainExtensions(EngineFactory engines) {
        this.engines = engines;
    }

    @Override
    public BoxedUnit apply(SparkSessionExtensions extensions) {
        SparkVersion.require();
        ModelCalls.addTo(extensions, engines);
        return BoxedUnit.UNIT;
    }
}
