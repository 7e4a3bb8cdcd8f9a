"""Schedules of EventBridge in compressed minutes."""

from typing import Any

from tests.local_aws import aws_rule

SLOW = """
import fcntl

def handler(event, context):
    with (OUT / "alone").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(0.6)
        (OUT / f"{time.time_ns()}.run").touch()
"""


@aws_rule(
    page="EventBridge user guide, Creating a rule that runs on a schedule",
    says="a `rate()` rule invokes its target once in so long",
    alone="the same, but a run that is late is joined by the next one, reserved concurrency or not",
    here="in compressed minutes a run that is still under way is not joined by another",
)
def test_a_scheduled_run_is_never_joined_by_the_next_one(lab: Any) -> None:
    arn = lab.deploy("timer", SLOW)
    events = lab.client("events")
    events.put_rule(Name="timer", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="timer", Targets=[{"Id": "1", "Arn": arn}])
    lab.wait_for(lambda: len(list(lab.out("timer").glob("*.run"))) >= 3)
    errors = lab.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": "timer"}],
        StartTime=0,
        EndTime=4_000_000_000,
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in errors) == 0
