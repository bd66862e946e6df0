package nighttrain.pipeline.sql;

import nighttrain.pipeline.host.EngineFactory;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Function1;
import scala.Tuple3;

/** Registers the SQL functions that call a model, and the rules that compute them. */
public final class ModelCalls {
    private ModelCalls() {}

    /** Adds functions and rules to a session's extensions; {@code engines} opens the engines of executors. */
    public static void addTo(SparkSessionExtensions extensions, EngineFactory engines) {
        for (ModelFunction function : ModelFunction.values()) {
            add(extensions, function, false, engines);
            add(extensions, function, true, engines);
        }
        extensions.injectPostHocResolutionRule(session -> new ExtractCalls());
        extensions.injectOptimizerRule(session -> new LowerCost());
        extensions.injectPlannerStrategy(session -> new PlanCalls());
    }

    // Function1 takes Spark's Seq, which is another type in Scala 2.12.
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static void add(
            SparkSessionExtensions extensions, ModelFunction function, boolean whole, EngineFactory engines) {
        String name = function.sqlName() + (whole ? "_result" : "");
        Function1<scala.collection.Seq<Expression>, Expression> call =
                arguments -> ModelCall.of(function, whole, Scala.java(arguments), engines);
        extensions.injectFunction((Tuple3) new Tuple3<>(
                FunctionIdentifier.apply(name), new ExpressionInfo(ModelCall.class.getName(), name), call));
    }
}
