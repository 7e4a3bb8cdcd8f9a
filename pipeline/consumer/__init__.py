"""The long-running worker: partitions of any stream, taken batch by batch through the protocol."""
