"""Lambda's event source mapping for Kinesis, by AWS's rules, on the local AWS."""
