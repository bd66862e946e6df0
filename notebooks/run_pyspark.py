"""run_pyspark.py OUT: runs the code of pipeline/PYSPARK.md and pyspark_labels.py in one Spark, their output in the folder OUT. Any fault ends it."""
import re
import runpy
import sys
from pathlib import Path

out = Path(sys.argv[1]).resolve()
here = Path(__file__).resolve().parent
page = (here / "../pipeline/PYSPARK.md").resolve()

text = page.read_text()
blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
assert len(blocks) > 5, f"the code of {page.name} was not found"
names = {}
for block in blocks:
    line = text[: block.start(1)].count("\n")
    code = "\n" * line + block[1].replace('"/tmp/', f'"{out}/')  # a fault then names the page's own line
    exec(compile(code, page, "exec"), names)
assert names["labelled"].filter("text is not null").count() == 20, "each of the page's 20 tickets has its answer"

sys.argv = ["pyspark_labels.py", str(out / "labelled"), "100"]
runpy.run_path(str(here / "pyspark_labels.py"), run_name="__main__")
print(f"{len(blocks)} blocks of {page.name} and pyspark_labels.py ran")
