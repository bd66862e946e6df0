package nighttrain.pipeline.sql;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GetStructField;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression$;
import org.apache.spark.sql.catalyst.expressions.NamedLambdaVariable;
import org.apache.spark.sql.catalyst.expressions.OuterReference;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.types.Metadata;
import scala.Option;

/**
 * Moves every call out of the operator that contains it, into an operator of its own below. Equal calls in one operator become one. Calls
 * in the text argument of a call are moved first.
 */
final class ExtractCalls extends Rule<LogicalPlan> {
    @Override
    public LogicalPlan apply(LogicalPlan plan) {
        return extracted(plan.mapChildren(this::apply));
    }

    private LogicalPlan extracted(LogicalPlan plan) {
        if (plan instanceof CallModel || Scala.java(plan.expressions()).stream().noneMatch(ExtractCalls::hasCall)) {
            return plan;
        }
        if (plan instanceof Aggregate aggregate && callsAfter(aggregate)) {
            return extracted(after(aggregate));
        }
        LogicalPlan operator = plan;
        for (List<ModelCall> calls = innermost(plan); !calls.isEmpty(); calls = innermost(operator)) {
            if (plan.children().size() != 1) {
                throw calls.get(0).noPlace();
            }
            operator = replaced(operator, calls);
        }
        return plan.output().equals(operator.output())
                ? operator
                : new Project(Scala.<NamedExpression>list(Scala.java(plan.output())), operator);
    }

    private static boolean hasCall(Expression expression) {
        return has(expression, ModelCall.class::isInstance);
    }

    private static boolean has(Expression expression, Predicate<Expression> wanted) {
        return wanted.test(expression)
                || Scala.<Expression>java(expression.children()).stream().anyMatch(child -> has(child, wanted));
    }

    /** Returns the calls of an operator whose text argument contains no call. */
    private static List<ModelCall> innermost(LogicalPlan operator) {
        List<ModelCall> calls = new ArrayList<>();
        Scala.<Expression>java(operator.expressions()).forEach(expression -> collect(expression, calls));
        return calls;
    }

    private static void collect(Expression expression, List<ModelCall> calls) {
        List<Expression> children = Scala.java(expression.children());
        if (expression instanceof ModelCall call && children.stream().noneMatch(ExtractCalls::hasCall)) {
            if (has(call, each -> each instanceof NamedLambdaVariable || each instanceof OuterReference)) {
                throw call.noPlace(); // its text is not made of the rows' columns
            }
            calls.add(call);
        }
        children.forEach(child -> collect(child, calls));
    }

    /** Returns the operator with operators for the calls below it. */
    private static LogicalPlan replaced(LogicalPlan operator, List<ModelCall> calls) {
        LogicalPlan below = operator.children().head();
        Map<Expression, AttributeReference> results = new LinkedHashMap<>();
        for (ModelCall call : calls) {
            ModelCall whole = call.whole();
            if (!results.containsKey(whole.canonicalized())) {
                AttributeReference result = result(whole);
                results.put(whole.canonicalized(), result);
                below = new CallModel(whole, result, below);
            }
        }
        LogicalPlan over = operator.withNewChildren(Scala.list(List.of(below)));
        return (LogicalPlan) over.mapExpressions(expression -> replace(expression, each -> {
            if (!(each instanceof ModelCall call) || !calls.contains(call)) {
                return null;
            }
            AttributeReference result = results.get(call.whole().canonicalized());
            return call.field() == null ? result : field(result, call);
        }));
    }

    private static Expression field(AttributeReference result, ModelCall call) {
        int ordinal = call.asked().function().type().fieldIndex(call.field());
        return new GetStructField(result, ordinal, Option.apply(call.field()));
    }

    private static AttributeReference result(ModelCall call) {
        return new AttributeReference(
                call.prettyName(),
                call.dataType(),
                true,
                Metadata.empty(),
                NamedExpression$.MODULE$.newExprId(),
                Scala.list(List.of()));
    }

    /** Replaces expressions. {@code with} returns the replacement of an expression, or null to keep it. */
    private static Expression replace(Expression expression, Function<Expression, Expression> with) {
        Expression other = with.apply(expression);
        return other != null ? other : expression.mapChildren(child -> replace(child, with));
    }

    // --- Calls whose text is made of aggregates: SELECT k, llm_generate(max(text)) FROM t GROUP BY k ---

    private static boolean callsAfter(Aggregate aggregate) {
        return Scala.java(aggregate.aggregateExpressions()).stream()
                .anyMatch(each -> callsAfter((Expression) each, aggregate));
    }

    /** Whether the expression contains a call outside the parts that the aggregate itself computes. */
    private static boolean callsAfter(Expression expression, Aggregate aggregate) {
        return !isOf(aggregate, expression)
                && (expression instanceof ModelCall
                        || Scala.<Expression>java(expression.children()).stream()
                                .anyMatch(child -> callsAfter(child, aggregate)));
    }

    private static boolean isOf(Aggregate aggregate, Expression expression) {
        return expression instanceof AggregateExpression
                || Scala.<Expression>java(aggregate.groupingExpressions()).stream()
                        .anyMatch(expression::semanticEquals);
    }

    /** Returns the aggregate without such calls, and above it a projection that contains them. */
    private static LogicalPlan after(Aggregate aggregate) {
        List<NamedExpression> computed = new ArrayList<>();
        List<NamedExpression> above = new ArrayList<>();
        for (NamedExpression each : Scala.<NamedExpression>java(aggregate.aggregateExpressions())) {
            if (callsAfter((Expression) each, aggregate)) {
                above.add((NamedExpression) replace((Expression) each, part -> {
                    if (!isOf(aggregate, part)) {
                        return null;
                    }
                    NamedExpression named = part instanceof NamedExpression itself ? itself : alias(part);
                    addOnce(named, computed);
                    return named.toAttribute();
                }));
            } else {
                addOnce(each, computed);
                above.add(each.toAttribute());
            }
        }
        Object[] parts = new Object[aggregate.productArity()];
        for (int i = 0; i < parts.length; i++) {
            Object part = aggregate.productElement(i);
            parts[i] = part == aggregate.aggregateExpressions() ? Scala.<NamedExpression>list(computed) : part;
        }
        return new Project(Scala.<NamedExpression>list(above), aggregate.makeCopy(parts));
    }

    private static void addOnce(NamedExpression each, List<NamedExpression> computed) {
        if (!computed.contains(each)) {
            computed.add(each);
        }
    }

    private static Alias alias(Expression part) {
        return new Alias(
                part,
                "aggregate",
                NamedExpression$.MODULE$.newExprId(),
                Scala.list(List.of()),
                Option.empty(),
                Scala.list(List.of()));
    }
}
