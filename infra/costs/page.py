"""docs/cost.md: formulas, figures, assumptions and every price, written from what they describe."""

from pathlib import Path
from typing import Final

from infra.costs import figures, load, network
from infra.costs.prices import REFERENCE, prices, regions
from infra.costs.workers import CPU_UNITS
from infra.settings_worker import WATCHER_CPU_UNITS, WATCHER_MEMORY_MB

TEMPLATE: Final = Path(__file__).with_name("page.txt")
"""The words of the page; every figure in it is filled in from where it lives."""


def cost_page() -> str:
    """Return docs/cost.md."""
    tables = {region: prices(region) for region in regions()}
    reference = tables[REFERENCE]
    words = TEMPLATE.read_text(encoding="utf-8").format(
        looked_up=reference.looked_up,
        reference=REFERENCE,
        lanes=load.LANES,
        linger=load.LINGER_SECONDS,
        record_kb=load.RECORD_BYTES // 1024,
        frame=load.RECORD_FRAME_BYTES,
        ratio=load.STREAM_RATIO,
        calls=figures.CALLS_MS,
        batch_cpu=figures.BATCH_CPU_MS,
        event_cpu=figures.EVENT_CPU_MS,
        watch=figures.WATCH_MS,
        whole=f"{figures.WHOLE_CPU_MB:,}",
        puts_file=figures.PUTS_A_FILE,
        puts_batch=figures.PUTS_A_BATCH,
        parquet=figures.PARQUET_RATIO,
        file_kb=figures.PARQUET_FILE_BYTES / 1024,
        id_bytes=figures.ID_BYTES,
        s3=figures.S3_CALL_MS,
        quick=figures.QUICK_CALL_MS,
        log_kb=figures.LOG_BYTES_A_RUN / 1024,
        values=figures.VALUES_OF_A_DIMENSION,
        key=figures.KEY_REQUESTS_AN_HOUR,
        callers=figures.KEY_CALLERS,
        watcher_cpu=WATCHER_CPU_UNITS / CPU_UNITS,
        watcher_gb=WATCHER_MEMORY_MB / 1024,
        worker_records=f"{figures.WORKER_BATCH_RECORDS:,}",
        take=(figures.CALLS_MS + figures.BATCH_CPU_MS) / 1_000,
        worker_interfaces="`, `".join(network.WORKER_INTERFACES),
        machine_interfaces="`, `".join(network.MACHINE_INTERFACES),
    )
    rows = [
        f"| `{key}` | {price.unit} | "
        + " | ".join(_usd(table[key].usd, own=table[key].own) for table in tables.values())
        + f" | {price.page} |"
        for key, price in reference.by_key.items()
    ]
    head = [
        f"| price | for a | {' | '.join(tables)} | AWS's page |",
        f"| --- | --- |{' ---: |' * len(tables)} --- |",
    ]
    return "\n".join([words, *head, *rows, ""])


def _usd(price: float, *, own: bool) -> str:
    """Return a price with all its digits, in italics where it is another region's."""
    digits = f"{price:.10f}".rstrip("0")
    whole, _, part = digits.partition(".")
    text = f"{whole}.{part.ljust(2, '0')}"
    return text if own else f"*{text}*"
