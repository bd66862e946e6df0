"""Labels the demo's tickets from PySpark by their beginnings, shows how sure the model is, and joins the labels back to the tickets. From the root
of the repository:

    pip install pyspark==4.2.0
    spark-submit --jars jobs/target/nighttrain.jar notebooks/pyspark_labels.py /tmp/labels

.ci/run does so, with the first 100 of the 500 tickets.
"""
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import avg, col, count, expr

output = sys.argv[1]
rows = int(sys.argv[2]) if len(sys.argv) > 2 else 500
spark = SparkSession.builder.getOrCreate()
tickets = spark.read.parquet("conf/demo/prompts.parquet").limit(rows)

# A prompt is "Ticket: ...\nAnswer:". From the whole of it the model is always sure; 130 letters leave it something to guess.
beginnings = tickets.withColumn("beginning", expr("left(prompt, 130)"))
(beginnings.write.format("nighttrain")
    .option("model", "conf/demo/model")
    .option("labels_file", "conf/demo/labels.jsonl")
    .option("prompt", "{beginning}\nAnswer:")
    .option("id_column", "id")
    .save(output))
labels = spark.read.format("nighttrain").load(output)

# Joined back: a bar of tickets for each tenth of confidence, and how many of them are right.
joined = tickets.join(labels, "id").withColumn("right", expr("cast(label = category as int)"))
(joined.groupBy(expr("least(floor(10 * confidence), 9) / 10").alias("confidence from"))
    .agg(count("*").alias("tickets"), avg("right").alias("share right"))
    .withColumn("", expr("repeat('#', cast(ceil(tickets / 2) as int))"))
    .orderBy("confidence from")
    .show(truncate=False))
print("Sure and wrong:")
joined.filter("right = 0").orderBy(col("confidence").desc()).select("id", "category", "label", "confidence", "prompt").show(3, 140)

assert joined.count() == tickets.count(), "every ticket has one label"
sure, unsure = (joined.filter(which).agg(avg("right")).first()[0] for which in ("confidence >= 0.9", "confidence < 0.9"))
assert sure > unsure, "what the model is sure of is more often right"
