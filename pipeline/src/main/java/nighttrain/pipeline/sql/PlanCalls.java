package nighttrain.pipeline.sql;

import java.util.List;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;

/** Plans {@link CallModel} as {@link CallModelExec}. */
final class PlanCalls extends SparkStrategy {
    @Override
    public scala.collection.immutable.List<SparkPlan> apply(LogicalPlan plan) {
        return plan instanceof CallModel model
                ? Scala.list(List.of(new CallModelExec(model.call(), model.result(), planLater(model.child()))))
                : Scala.list(List.of());
    }
}
