"""Writes `conf/demo/prompts.parquet`: 500 held-out tickets with their expected answers.

    python notebooks/demo_prompts.py [--output conf/demo/prompts.parquet] [--rows 500]

Columns: `id` (T-00017), `prompt` (`Ticket: ...` newline `Answer:`), `expected` (the answer, begins with a space),
`category` (the answer's first field).
Prints how much of it training tickets cannot contain; `train_demo.py` counts what they did contain.
"""

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
from tickets import RESERVED_PRODUCTS, Ticket, TicketWriter, reserved_pair

PROMPTS = Path(__file__).parent.parent / "conf/demo/prompts.parquet"
SEED = 1


def held_out_tickets(rows: int) -> list[Ticket]:
    writer = TicketWriter(SEED, held_out=True)
    return [writer.ticket() for _ in range(rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=PROMPTS)
    parser.add_argument("--rows", type=int, default=500)
    arguments = parser.parse_args()
    tickets = held_out_tickets(arguments.rows)
    assert len({ticket.text for ticket in tickets}) == len(tickets), "a ticket occurs twice"
    columns = {
        "id": [f"T-{number:05}" for number in range(1, len(tickets) + 1)],
        "prompt": [ticket.prompt for ticket in tickets],
        "expected": [ticket.answer for ticket in tickets],
        "category": [ticket.category for ticket in tickets],
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(columns), arguments.output, compression="snappy")

    pairs = sum(ticket.side is not None and reserved_pair(ticket.main, ticket.side) for ticket in tickets)
    products = sum(ticket.product in RESERVED_PRODUCTS for ticket in tickets)
    named, several = sum(ticket.product is not None for ticket in tickets), sum(t.side is not None for t in tickets)
    print(f"{arguments.output}: {len(tickets)} rows; {several} hold two issues; of these, {pairs} a pair that training never")
    print(f"shows; {named} ask about a product by name; of these, {products} a product that training never shows")


if __name__ == "__main__":
    main()
