package nighttrain.pipeline.sql;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nighttrain.executor.EngineConfig.Lengths;
import nighttrain.io.UserError;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.GlobalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LocalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.plans.logical.Repartition;
import org.apache.spark.sql.catalyst.plans.logical.RepartitionOperation;
import org.apache.spark.sql.catalyst.plans.logical.Sort;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.internal.SQLConf;

/**
 * Optimises a query so that it calls the model for as few rows as needed, and once a row. Operators that do not use a result run before its
 * call, an unused result is not computed, and a result that Spark would compute twice is kept in a shuffle.
 */
final class LowerCost extends Rule<LogicalPlan> {
    @Override
    public LogicalPlan apply(LogicalPlan plan) {
        refuseTwoModels(plan);
        return lowered(plan);
    }

    /**
     * Refuses a query with two engines. An executor has one engine at a time: one call would wait for the other to end, which waits for
     * results of the first.
     */
    private static void refuseTwoModels(LogicalPlan plan) {
        List<EngineKey> engines = new ArrayList<>();
        collect(plan, engines);
        engines.stream()
                .filter(each -> !each.equals(engines.get(0)))
                .findFirst()
                .ifPresent(other -> {
                    String models = engines.get(0).model().equals(other.model())
                            ? other.model() + " with two configurations"
                            : engines.get(0).model() + ", " + other.model();
                    throw UserError.of(
                            "more than one engine in a query",
                            models,
                            "an executor has one at a time; write the results of one call to a table, and read them");
                });
    }

    private static void collect(LogicalPlan plan, List<EngineKey> engines) {
        if (plan instanceof CallModel model) {
            engines.add(EngineKey.of(model.call().asked().settings()).expecting(Lengths.UNKNOWN));
        }
        Scala.<LogicalPlan>java(plan.children()).forEach(child -> collect(child, engines));
    }

    private static LogicalPlan lowered(LogicalPlan plan) {
        LogicalPlan node = plan.mapChildren(LowerCost::lowered);
        if (node.children().size() != 1) {
            return node;
        }
        LogicalPlan below = node.children().head();
        if (node instanceof Project && below instanceof CallModel call && !looksAt(call, node)) {
            return node.withNewChildren(Scala.list(List.of(call.child())));
        }
        if (node instanceof Filter filter && below instanceof CallModel call) {
            return filtered(filter, call);
        }
        if (node instanceof GlobalLimit || node instanceof LocalLimit || node instanceof Sort) {
            if (below instanceof CallModel call && !looksAt(call, node)) {
                return before(node, call);
            }
            if (below instanceof Project project
                    && project.child() instanceof CallModel call
                    && isDeterministic(project)) {
                LogicalPlan under = inTermsOf(project, node, call);
                return looksAt(call, under)
                        ? kept(node)
                        : project.withNewChildren(Scala.list(List.of(before(under, call))));
            }
        }
        return kept(node);
    }

    private static boolean isDeterministic(Project project) {
        return Scala.<Expression>java(project.expressions()).stream().allMatch(Expression::deterministic);
    }

    private static boolean looksAt(CallModel call, LogicalPlan plan) {
        return looksAt(call, Scala.java(plan.expressions()));
    }

    private static boolean looksAt(CallModel call, List<Expression> expressions) {
        return expressions.stream()
                .anyMatch(expression -> expression.references().contains(call.result()));
    }

    /** Returns the call above the operator that was above it. */
    private static LogicalPlan before(LogicalPlan operator, CallModel call) {
        return call.over(operator.withNewChildren(Scala.list(List.of(call.child()))));
    }

    /** Rewrites an operator above a projection so that it can move below: its expressions use what the projection's names stand for. */
    private static LogicalPlan inTermsOf(Project project, LogicalPlan operator, CallModel call) {
        Map<ExprId, Expression> named = new HashMap<>();
        for (NamedExpression each : Scala.<NamedExpression>java(project.projectList())) {
            if (each instanceof Alias alias) {
                named.put(alias.exprId(), alias.child());
            }
        }
        LogicalPlan over = operator.withNewChildren(Scala.list(List.<LogicalPlan>of(call)));
        return (LogicalPlan) over.mapExpressions(expression -> renamed(expression, named));
    }

    private static Expression renamed(Expression expression, Map<ExprId, Expression> named) {
        return expression instanceof Attribute attribute && named.containsKey(attribute.exprId())
                ? named.get(attribute.exprId())
                : expression.mapChildren(child -> renamed(child, named));
    }

    /** Moves conditions that do not use the result below the call. */
    private static LogicalPlan filtered(Filter filter, CallModel call) {
        List<Expression> conditions = new ArrayList<>();
        split(filter.condition(), conditions);
        List<Expression> first = conditions.stream()
                .filter(condition -> condition.deterministic() && !looksAt(call, List.of(condition)))
                .toList();
        if (first.isEmpty()) {
            return filter;
        }
        conditions.removeAll(first);
        LogicalPlan fewer = call.over(new Filter(all(first), call.child()));
        return conditions.isEmpty() ? fewer : new Filter(all(conditions), fewer);
    }

    private static void split(Expression condition, List<Expression> conditions) {
        if (condition instanceof And both) {
            split(both.left(), conditions);
            split(both.right(), conditions);
        } else {
            conditions.add(condition);
        }
    }

    private static Expression all(List<Expression> conditions) {
        return conditions.stream().reduce(And::new).orElseThrow();
    }

    /**
     * Puts a shuffle below a sort. A sort reads its rows twice, first to find the bounds of its partitions; it then reads them from the
     * shuffle, not from the model.
     */
    private static LogicalPlan kept(LogicalPlan node) {
        if (node instanceof Sort sort && sort.global() && computes(sort.child())) {
            LogicalPlan shuffled = new Repartition(SQLConf.get().numShufflePartitions(), true, sort.child());
            return sort.withNewChildren(Scala.list(List.of(shuffled)));
        }
        return node;
    }

    /** Whether reading the plan's rows computes results, with no shuffle in between. */
    private static boolean computes(LogicalPlan plan) {
        boolean shuffles =
                plan instanceof RepartitionOperation || plan instanceof Aggregate || plan instanceof GlobalLimit;
        return plan instanceof CallModel
                || (!shuffles
                        && Scala.<LogicalPlan>java(plan.children()).stream().anyMatch(LowerCost::computes));
    }
}
