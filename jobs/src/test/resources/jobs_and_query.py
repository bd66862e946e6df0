"""Jobs by format("nighttrain"), texts and labels, and a query that calls the same model, over the demo's first tickets; with an address, from a
Connect client."""
import sys

from pyspark.sql import SparkSession

demo, last, texts, labels, query, *remote = sys.argv[1:]
model = f"{demo}/model"
builder = SparkSession.builder
spark = (builder.remote(remote[0]) if remote else builder).getOrCreate()
tickets = spark.read.parquet(f"{demo}/prompts.parquet").where(f"id <= '{last}'")


def job(output, **options):
    """Runs it, or resumes it, or does nothing where it is done; its results."""
    writer = tickets.write.format("nighttrain").mode("append").option("model", model).option("id_column", "id")
    writer.options(**options).save(output)
    return spark.read.format("nighttrain").load(output)


print(job(texts, max_tokens=64).count(), "rows")
print(job(texts, max_tokens=64).count(), "rows again")
labelled = job(labels, labels_file=f"{demo}/labels.jsonl", prompt="{prompt}").where("confidence > 1 / 9D AND label_error IS NULL")
print(labelled.count(), "labels")

tickets.createOrReplaceTempView("tickets")
answers = f"SELECT id, llm_generate_result(prompt, map('model', '{model}', 'max_tokens', '64')) AS r FROM tickets ORDER BY id"
spark.sql(f"SELECT id, r.text, r.finish_reason FROM ({answers})").write.parquet(f"{query}/results")
spark.stop()
