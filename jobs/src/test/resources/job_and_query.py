"""A job by format("nighttrain") and a query that calls the same model, over the demo's first tickets; with an address, from a Connect client."""
import sys

from pyspark.sql import SparkSession

model, prompts, last, job, query, *remote = sys.argv[1:]
builder = SparkSession.builder
spark = (builder.remote(remote[0]) if remote else builder).getOrCreate()
tickets = spark.read.parquet(prompts).where(f"id <= '{last}'")

tickets.write.format("nighttrain").option("model", model).option("id_column", "id").option("max_tokens", 64).save(job)
print(spark.read.format("nighttrain").load(job).count(), "rows")

tickets.createOrReplaceTempView("tickets")
answers = f"SELECT id, llm_generate_result(prompt, map('model', '{model}', 'max_tokens', '64')) AS r FROM tickets ORDER BY id"
spark.sql(f"SELECT id, r.text, r.finish_reason FROM ({answers})").write.parquet(f"{query}/results")
spark.stop()
