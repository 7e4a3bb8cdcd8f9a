"""Metrics that AWS's services, functions' logs and mappings publish, on a real local AWS."""

from typing import Any

from tests.local_aws import aws_rule

EMF = """
def handler(event, context):
    import json
    print("a line that is none")
    print('{"_aws": {"CloudWatchMetrics": "malformed"}}')
    print(json.dumps({
        "_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [{
            "Namespace": "Emf", "Dimensions": [["Stream"], ["Stream", "Reason"], []],
            "Metrics": [{"Name": "Age", "Unit": "Milliseconds"}]}]},
        "Stream": "s", "Reason": "late", "Age": [5, 5, 9]}))
    note({"Records": [{"eventID": "s:1", "kinesis": {"data": ""}}]})
"""
POISONED = """
def handler(event, context):
    if "poison" in note(event):
        raise ValueError("poison")
"""
FAILS = """
def handler(event, context):
    note({"Records": [{"eventID": "s:1", "kinesis": {"data": ""}}]})
    raise RuntimeError("as it should")
"""


@aws_rule(
    page="CloudWatch user guide, Specification: Embedded metric format",
    says="a line of a function's log in the embedded metric format becomes a metric under each of"
    " its sets of dimensions; a malformed one stays in the log",
    alone="lines of the log are kept and nothing is made of them",
)
def test_what_a_function_prints_in_emf_becomes_metrics(watch: Any) -> None:
    watch.lab.deploy("prints", EMF)
    answer = watch.lab.client("lambda").invoke(FunctionName="prints")
    assert "FunctionError" not in answer
    listed = watch.client.list_metrics(Namespace="Emf")["Metrics"]
    assert [len(metric["Dimensions"]) for metric in listed] == [1, 2, 0]
    for dimensions in ({"Stream": "s"}, {"Stream": "s", "Reason": "late"}):
        wanted = {**dimensions, "namespace": "Emf", "name": "Age"}
        assert watch.sum_of(**wanted) == 19.0
        assert watch.sum_of(stat="SampleCount", **wanted) == 3.0
    assert watch.sum_of("Emf", "Age", "p50", Stream="s") == 5.0


@aws_rule(
    page="EventBridge user guide, Creating a rule that runs on a schedule",
    says="rate(1 minute) runs the target each minute, and Lambda counts runs and errors of it",
    alone="runs it each minute, but counts neither run nor error",
    here="the same, of a minute that takes as long as it was asked to",
)
def test_a_schedule_runs_each_compressed_minute_and_is_counted(watch: Any) -> None:
    arn = watch.lab.deploy("fails", FAILS)
    events = watch.lab.client("events")
    events.put_rule(Name="each-minute", ScheduleExpression="rate(1 minute)", State="ENABLED")
    events.put_targets(Rule="each-minute", Targets=[{"Id": "f", "Arn": arn}])
    watch.lab.wait_for(lambda: len(watch.lab.invocations("fails")) >= 3)
    events.remove_targets(Rule="each-minute", Ids=["f"])
    names = {"namespace": "AWS/Lambda", "FunctionName": "fails"}

    def counted() -> list[float]:
        return [watch.sum_of(name=name, **names) for name in ("Invocations", "Errors")]

    watch.lab.wait_for(lambda: min(counted()) >= 3 and len(set(counted())) == 1)


@aws_rule(
    page="Lambda developer guide, Types of metrics for event source mappings",
    says="records that reach the on-failure destination are counted by mapping",
    alone="publishes nothing for a mapping",
)
def test_an_alarm_hears_of_records_that_a_mapping_set_aside(watch: Any) -> None:
    watch.lab.deploy("aside", POISONED)
    watch.lab.stream("aside")
    watch.lab.client("s3").create_bucket(Bucket="aside")
    destination = {"OnFailure": {"Destination": "arn:aws:s3:::aside"}}
    given_up = {"MaximumRetryAttempts": 0, "DestinationConfig": destination}
    mapping = watch.lab.map("aside", **given_up)
    metric = "OnFailureDestinationDeliveredEventCount"
    of_mapping = [{"Name": "EventSourceMappingUUID", "Value": mapping}]
    names = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": of_mapping}
    watch.alarm("aside", Statistic="Sum", TreatMissingData="notBreaching", **names)
    watch.becomes("aside", "OK")
    watch.lab.put("aside", "poison", "b", "c")
    watch.lab.wait_for(lambda: "Alarm updated from OK to ALARM" in watch.changes("aside"))
    watch.becomes("aside", "OK")
    assert watch.sum_of("AWS/Lambda", metric, EventSourceMappingUUID=mapping) == 3.0


@aws_rule(
    page="DynamoDB developer guide, DynamoDB metrics and dimensions",
    says="the capacity that a table's reads and writes use is published each minute; a"
    " transactional write uses twice as much",
    alone="publishes nothing for DynamoDB",
)
def test_the_capacity_that_a_table_uses_is_published(watch: Any) -> None:
    dynamodb = watch.lab.client("dynamodb")
    key = [{"AttributeName": "pk", "KeyType": "HASH"}]
    types = [{"AttributeName": "pk", "AttributeType": "S"}]
    dynamodb.create_table(
        TableName="used",
        KeySchema=key,
        AttributeDefinitions=types,
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"pk": {"S": "a"}}
    assert "ConsumedCapacity" not in dynamodb.put_item(TableName="used", Item=item)
    put = {"Put": {"TableName": "used", "Item": item}}
    assert "ConsumedCapacity" not in dynamodb.transact_write_items(TransactItems=[put])
    asked = dynamodb.get_item(
        TableName="used", Key=item, ConsistentRead=True, ReturnConsumedCapacity="TOTAL"
    )
    assert asked["Item"] == item
    assert asked["ConsumedCapacity"]["CapacityUnits"] == 1.0
    for metric, units in (("ConsumedWriteCapacityUnits", 3.0), ("ConsumedReadCapacityUnits", 1.0)):
        of = {"namespace": "AWS/DynamoDB", "name": metric, "TableName": "used"}
        watch.lab.wait_for(lambda of=of, units=units: watch.sum_of(**of) == units)


@aws_rule(
    page="Kinesis developer guide, Monitor the Kinesis Data Streams service with CloudWatch",
    says="a stream's bytes, records, throttles and iterator age are published each minute",
    alone="publishes nothing for Kinesis",
)
def test_a_streams_traffic_is_published_each_minute(watch: Any) -> None:
    watch.lab.stream("counted")
    kinesis = watch.lab.client("kinesis")
    watch.lab.put("counted", "a", "bcd")
    kinesis.put_record(StreamName="counted", Data=b"e", PartitionKey="e")
    [shard] = kinesis.list_shards(StreamName="counted")["Shards"]
    opened = kinesis.get_shard_iterator(
        StreamName="counted", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    first = kinesis.get_records(ShardIterator=opened["ShardIterator"], Limit=2)
    kinesis.get_records(ShardIterator=first["NextShardIterator"])
    expected = {
        "IncomingBytes": 5.0,
        "IncomingRecords": 3.0,
        "PutRecords.SuccessfulRecords": 2.0,
        "PutRecord.Success": 1.0,
        "WriteProvisionedThroughputExceeded": 0.0,
        "GetRecords.Bytes": 5.0,
        "GetRecords.Records": 3.0,
        "ReadProvisionedThroughputExceeded": 0.0,
    }
    for name, value in expected.items():
        of = {"namespace": "AWS/Kinesis", "name": name, "StreamName": "counted"}
        watch.lab.wait_for(lambda of=of, value=value: watch.sum_of(**of) == value)
    behind = {"name": "GetRecords.IteratorAgeMilliseconds", "StreamName": "counted"}
    watch.lab.wait_for(lambda: watch.sum_of("AWS/Kinesis", stat="Maximum", **behind) > 0.0)
    watch.lab.wait_for(lambda: watch.sum_of("AWS/Kinesis", stat="Minimum", **behind) == 0.0)
