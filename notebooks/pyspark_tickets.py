"""Completes the demo's tickets from PySpark and joins the answers to the tickets. With the jar of your Spark (jobs/README.md):

    spark-submit --jars jobs/target/nighttrain.jar notebooks/pyspark_tickets.py conf/demo/model conf/demo/prompts.parquet /tmp/tickets
"""
import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import regexp_extract

model, prompts, output = sys.argv[1:]
spark = SparkSession.builder.getOrCreate()
tickets = spark.read.parquet(prompts)

tickets.write.format("nighttrain").option("model", model).option("id_column", "id").option("max_tokens", 64).save(output)
answers = spark.read.format("nighttrain").load(output)

category = regexp_extract("text", "category=([a-z]+);", 1)
tickets.join(answers, "id").groupBy(category.alias("category")).count().orderBy("category").show()
