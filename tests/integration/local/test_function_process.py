"""A function beyond its memory or its time is killed as Lambda kills it, and said to be so."""

import json
import os
import signal
from typing import Any

from tests.local_aws import aws_rule

GROWING = """
HELD = []

def handler(event, context):
    note({"Records": [{"eventID": "none:0", "kinesis": {"data": ""}}]})
    for _ in range(event["mb"] // 10):
        HELD.append(bytearray(os.urandom(1)) * (10 * 1024 * 1024))
        time.sleep(event["pause_seconds"])
    return len(HELD)
"""
SLOW = """
def handler(event, context):
    note({"Records": [{"eventID": "none:0", "kinesis": {"data": ""}}]})
    time.sleep(event["seconds"])
    return "done"
"""
EXITING = """
def handler(event, context):
    os._exit(3)
"""


def invoke(lab: Any, name: str, event: dict[str, Any]) -> tuple[str | None, Any]:
    """Return the kind of error, if any, and what the function or Lambda answered."""
    answer = lab.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    return answer.get("FunctionError"), json.loads(answer["Payload"].read())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@aws_rule(
    page="Lambda developer guide, Configure Lambda function memory",
    says="a function that needs more than its memory is killed: `signal: killed`",
    alone="lets it have all the memory there is",
)
def test_a_function_that_grows_beyond_its_memory_is_killed(lab: Any) -> None:
    lab.deploy("growing", GROWING, timeout=120)
    within = invoke(lab, "growing", {"mb": 40, "pause_seconds": 0})
    assert within == (None, 4)
    kind, said = invoke(lab, "growing", {"mb": 5_000, "pause_seconds": 0.05})
    assert kind == "Unhandled"
    assert said["errorType"] == "Runtime.ExitError"
    assert said["errorMessage"].startswith("RequestId: ")
    assert said["errorMessage"].endswith(" Error: Runtime exited with error: signal: killed")
    # The next one starts in a new process, with nothing of what the old one held.
    assert invoke(lab, "growing", {"mb": 10, "pause_seconds": 0}) == (None, 1)


def test_more_memory_lets_the_same_function_finish(lab: Any) -> None:
    lab.deploy("roomy", GROWING, timeout=120)
    lab.client("lambda").update_function_configuration(FunctionName="roomy", MemorySize=512)
    assert invoke(lab, "roomy", {"mb": 200, "pause_seconds": 0.01}) == (None, 20)


@aws_rule(
    page="Lambda developer guide, Configure Lambda function timeout",
    says="a function that runs past its time-out is stopped: `Task timed out after 1.00 seconds`",
    alone="kills the process, and leaves the request's id out of the message",
)
def test_a_function_past_its_time_out_is_killed(lab: Any) -> None:
    lab.deploy("slow", SLOW, timeout=3)
    kind, said = invoke(lab, "slow", {"seconds": 30})
    assert kind == "Unhandled"
    assert said["errorType"] == "Sandbox.Timedout"
    assert said["errorMessage"].startswith("RequestId: ")
    assert said["errorMessage"].endswith(" Error: Task timed out after 3.00 seconds")
    (ran,) = lab.invocations("slow")
    lab.wait_for(lambda: not alive(ran["pid"]))
    assert invoke(lab, "slow", {"seconds": 0}) == (None, "done")


@aws_rule(
    page="Lambda developer guide, Troubleshoot execution issues in Lambda",
    says="a runtime that ends by itself is told with its exit status",
    alone='says "Worker process died"',
)
def test_a_function_that_ends_its_process_is_told_with_its_exit_status(lab: Any) -> None:
    lab.deploy("exiting", EXITING)
    kind, said = invoke(lab, "exiting", {})
    assert (kind, said["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert said["errorMessage"].endswith(" Error: Runtime exited with error: exit status 3")


def test_a_function_whose_process_is_killed_by_a_stranger_reads_the_same(lab: Any) -> None:
    code = SLOW.replace('time.sleep(event["seconds"])', f"os.kill(os.getpid(), {signal.SIGKILL:d})")
    lab.deploy("shot", code)
    _, said = invoke(lab, "shot", {})
    assert said["errorMessage"].endswith("signal: killed")
