"""Spark Structured Streaming: a Kafka topic of JSON events to Parquet files, by event hour.

    python spark.py BOOTSTRAP_SERVERS TOPIC FOLDER JARS SCHEMA

Runs until it is killed, in an environment of its own (`tests.performance.compare_kafka` makes
it). `JARS` is a list with commas, `SCHEMA` the columns as DDL.
"""

import sys

from pyspark.sql import SparkSession  # type: ignore[import-not-found]
from pyspark.sql.functions import (  # type: ignore[import-not-found]
    col,
    from_json,
    from_unixtime,
)

servers, topic, folder, jars, schema = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.jars", jars)
    .config("spark.driver.memory", "2g")
    .config("spark.sql.shuffle.partitions", "2")
    .config("spark.ui.enabled", "false")
    .config("spark.sql.parquet.compression.codec", "zstd")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("WARN")
events = (
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", servers)
    .option("subscribe", topic)
    .option("startingOffsets", "earliest")
    .option("maxOffsetsPerTrigger", 200_000)
    .load()
    .select(from_json(col("value").cast("string"), schema).alias("event"))
    .select("event.*")
    .withColumn("dt", from_unixtime(col("event_time") / 1_000, "yyyy-MM-dd"))
    .withColumn("hour", from_unixtime(col("event_time") / 1_000, "HH"))
)
(
    events.writeStream.format("parquet")
    .option("path", f"{folder}/table")
    .option("checkpointLocation", f"{folder}/checkpoint")
    .partitionBy("dt", "hour")
    .trigger(processingTime="1 second")
    .start()
    .awaitTermination()
)
