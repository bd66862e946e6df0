package nighttrain.pipeline.sql;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import nighttrain.io.rows.ResultRow;
import nighttrain.pipeline.host.EngineFactory.EngineKey;
import nighttrain.pipeline.host.ModelFacts;
import nighttrain.pipeline.host.RunContext;
import nighttrain.pipeline.settings.GenerateOptions;
import nighttrain.pipeline.task.AttemptCounts;
import nighttrain.pipeline.task.OrderedRows;
import nighttrain.pipeline.task.TaskSpec;
import nighttrain.pipeline.task.TaskSpec.Pass;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.plans.physical.Partitioning;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.metric.SQLMetric;
import org.apache.spark.sql.execution.metric.SQLMetrics;
import org.apache.spark.util.TaskCompletionListener;

/** The physical operator that computes {@link CallModel}. Spark copies it by the constructor. */
public final class CallModelExec extends SparkPlan {
    private static final long serialVersionUID = 1L;

    private final transient ModelCall call;
    private final AttributeReference result;
    private final SparkPlan child;
    private transient Figures figures;

    public CallModelExec(ModelCall call, AttributeReference result, SparkPlan child) {
        this.call = call;
        this.result = result;
        this.child = child;
    }

    /** Figures of the operator in Spark's UI. */
    private record Figures(SQLMetric rows, SQLMetric errors, SQLMetric promptTokens, SQLMetric outputTokens)
            implements java.io.Serializable {
        void add(Optional<ResultRow> row) {
            rows.add(1);
            row.ifPresent(it -> {
                errors.add(it.error() == null ? 0 : 1);
                promptTokens.add(it.promptTokens());
                outputTokens.add(it.outputTokens());
            });
        }
    }

    private Figures figures() {
        if (figures == null) {
            figures = new Figures(
                    SQLMetrics.createMetric(sparkContext(), "number of output rows"),
                    SQLMetrics.createMetric(sparkContext(), "row errors"),
                    SQLMetrics.createMetric(sparkContext(), "prompt tokens"),
                    SQLMetrics.createMetric(sparkContext(), "output tokens"));
        }
        return figures;
    }

    @Override
    public scala.collection.immutable.Map<String, SQLMetric> metrics() {
        Map<String, SQLMetric> byName = new LinkedHashMap<>();
        byName.put("numOutputRows", figures().rows());
        byName.put("rowErrors", figures().errors());
        byName.put("promptTokens", figures().promptTokens());
        byName.put("outputTokens", figures().outputTokens());
        return Scala.map(byName);
    }

    @Override
    public RDD<InternalRow> doExecute() {
        GenerateOptions asked = call.asked().options();
        boolean here = sparkContext().isLocal();
        ModelFacts model = ModelFacts.check(
                asked, call.asked().form(), Optional.empty(), here, call.asked().engines());
        RunContext run = RunContext.withoutJournal(
                "sql-" + UUID.randomUUID(), EngineKey.of(asked), call.asked().engines());
        TaskSpec spec = TaskSpec.of(
                run, new Pass(false, new AttemptCounts(Map.of()), Long.MAX_VALUE), asked.with(model.kind()));
        return child.execute()
                .toJavaRDD()
                .mapPartitions(
                        new Task(
                                spec,
                                call.asked().function(),
                                call.prompt(),
                                Scala.java(child.output()),
                                result,
                                figures()),
                        true)
                .rdd();
    }

    /** Computes the results of one partition of the rows. */
    private record Task(
            TaskSpec spec,
            ModelFunction function,
            Expression prompt,
            List<Attribute> input,
            Attribute result,
            Figures figures)
            implements FlatMapFunction<Iterator<InternalRow>, InternalRow> {
        private static final long serialVersionUID = 1L;

        @Override
        public Iterator<InternalRow> call(Iterator<InternalRow> rows) {
            scala.collection.immutable.List<Attribute> before = Scala.list(input);
            scala.collection.immutable.List<Attribute> after = Scala.list(before, result);
            UnsafeProjection prompts = UnsafeProjection.create(Scala.<Expression>list(List.of(prompt)), before);
            UnsafeProjection joined = UnsafeProjection.create(Scala.<Expression>list(Scala.java(after)), after);
            Deque<InternalRow> waiting = new ArrayDeque<>();
            OrderedRows results = new OrderedRows(spec, new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return rows.hasNext();
                }

                @Override
                public String next() {
                    InternalRow row = rows.next().copy(); // Spark reuses the object for the next row
                    waiting.add(row);
                    InternalRow only = prompts.apply(row);
                    return only.isNullAt(0) ? null : only.getUTF8String(0).toString();
                }
            });
            TaskContext.get().addTaskCompletionListener((TaskCompletionListener) ended -> results.close());
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return results.hasNext();
                }

                @Override
                public InternalRow next() {
                    Optional<ResultRow> row = results.next();
                    figures.add(row);
                    InternalRow value = row.map(function::of).orElse(null);
                    return joined.apply(new JoinedRow(waiting.remove(), new GenericInternalRow(new Object[] {value})));
                }
            };
        }
    }

    @Override
    public scala.collection.immutable.List<Attribute> output() {
        return Scala.list(child.output(), result);
    }

    @Override
    public AttributeSet producedAttributes() {
        return AttributeSet.apply(Scala.<Expression>list(List.of(result)));
    }

    @Override
    public Partitioning outputPartitioning() {
        return child.outputPartitioning();
    }

    @Override
    public scala.collection.immutable.List<SortOrder> outputOrdering() {
        return Scala.list(Scala.java(child.outputOrdering()));
    }

    @Override
    public scala.collection.immutable.List<SparkPlan> children() {
        return Scala.list(List.of(child));
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.13 only
    public CallModelExec withNewChildrenInternal(scala.collection.immutable.IndexedSeq<SparkPlan> children) {
        return new CallModelExec(call, result, children.head());
    }

    @SuppressWarnings("MissingOverride") // overrides in Scala 2.12 only
    public CallModelExec withNewChildrenInternal(scala.collection.IndexedSeq<SparkPlan> children) {
        return new CallModelExec(call, result, children.head());
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
        return other instanceof CallModelExec;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CallModelExec node
                && node.call.equals(call)
                && node.result.equals(result)
                && node.child.equals(child);
    }

    @Override
    public int hashCode() {
        return Objects.hash(call, result, child);
    }
}
