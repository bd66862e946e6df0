package nighttrain.pipeline.testing;

import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SQLContext;
import org.apache.spark.sql.sources.BaseRelation;
import org.apache.spark.sql.sources.RelationProvider;
import org.apache.spark.sql.sources.TableScan;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A source of tables with one row: the name that the table was asked for by. */
public final class TextSource implements RelationProvider {
    @Override
    public BaseRelation createRelation(SQLContext context, scala.collection.immutable.Map<String, String> options) {
        return new Table(context, options.apply("path"));
    }

    private static final class Table extends BaseRelation implements TableScan {
        private final SQLContext context;
        private final String name;

        Table(SQLContext context, String name) {
            this.context = context;
            this.name = name;
        }

        @Override
        public SQLContext sqlContext() {
            return context;
        }

        @Override
        public StructType schema() {
            return new StructType().add("prompt", DataTypes.StringType);
        }

        @Override
        public RDD<Row> buildScan() {
            return JavaSparkContext.fromSparkContext(context.sparkContext())
                    .parallelize(List.of(RowFactory.create(name)))
                    .rdd();
        }
    }
}
