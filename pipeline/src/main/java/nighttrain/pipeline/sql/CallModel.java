package nighttrain.pipeline.sql;

import java.util.List;
import java.util.Objects;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import scala.Option;

/**
 * A logical operator that adds the result of a call as a column to the rows of its child: each row once, in their order. Spark copies it by
 * the constructor.
 */
public final class CallModel extends LogicalPlan {
    private static final long serialVersionUID = 1L;

    private final ModelCall call;
    private final AttributeReference result;
    private final LogicalPlan child;

    public CallModel(ModelCall call, AttributeReference result, LogicalPlan child) {
        this.call = call;
        this.result = result;
        this.child = child;
    }

    ModelCall call() {
        return call;
    }

    AttributeReference result() {
        return result;
    }

    LogicalPlan child() {
        return child;
    }

    CallModel over(LogicalPlan other) {
        return new CallModel(call, result, other);
    }

    @Override
    public scala.collection.immutable.List<Attribute> output() {
        return Scala.list(child.output(), result);
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(Scala.<Expression>list(List.of(result)));
    }

    /** Returns false, so that a common table expression with a call in it is computed once, however often it is read. */
    @Override
    public boolean deterministic() {
        return false;
    }

    @Override
    public Option<Object> maxRows() {
        return child.maxRows();
    }

    @Override
    public scala.collection.immutable.List<LogicalPlan> children() {
        return Scala.list(List.of(child));
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.13 only
    public CallModel withNewChildrenInternal(scala.collection.immutable.IndexedSeq<LogicalPlan> children) {
        return over(children.head());
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.12 only
    public CallModel withNewChildrenInternal(scala.collection.IndexedSeq<LogicalPlan> children) {
        return over(children.head());
    }

    @Override
    public int productArity() {
        return 3;
    }

    @Override
    public Object productElement(int n) {
        return List.of(call, result, child).get(n);
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof CallModel;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CallModel node
                && node.call.equals(call)
                && node.result.equals(result)
                && node.child.equals(child);
    }

    @Override
    public int hashCode() {
        return Objects.hash(call, result, child);
    }
}
