"""Quix Streams as its own guide shows it: a Kafka topic of JSON events to Parquet files.

    python quix.py BOOTSTRAP_SERVERS TOPIC FOLDER

Runs until it is killed, in an environment of its own (`tests.performance.compare_kafka` makes it).
"""

import sys
from pathlib import Path

from quixstreams import Application  # type: ignore[import-not-found]
from quixstreams.sinks.community.file.formats import (  # type: ignore[import-not-found]
    ParquetFormat,
)
from quixstreams.sinks.community.file.local import (  # type: ignore[import-not-found]
    LocalFileSink,
)

servers, topic_name, folder = sys.argv[1:]
app = Application(
    broker_address=servers,
    consumer_group=Path(folder).name,
    auto_offset_reset="earliest",
    commit_interval=1.0,
    commit_every=20_000,
    loglevel="WARNING",
)
events = app.dataframe(app.topic(topic_name, value_deserializer="json"))
events.sink(LocalFileSink(directory=folder, format=ParquetFormat(compression="zstd")))
app.run()
