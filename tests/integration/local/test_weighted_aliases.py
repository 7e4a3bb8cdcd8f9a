"""Invocations through an alias go to its versions by its weights, those of a mapping too."""

import json
from typing import Any

from tests.local_aws import aws_rule

PAGE = "Lambda developer guide, Implement Lambda canary deployments using a weighted alias"
TELLING = """
VERSION = os.environ["VERSION"]

def handler(event, context):
    if "Records" in event:
        event["Records"][0]["version"] = VERSION
        note(event)
    return VERSION
"""


def publish(lab: Any, name: str) -> None:
    """Publish two versions of a function that tell which they are, the first one live."""
    lab.deploy(name, TELLING)
    functions = lab.client("lambda")
    for version in ("1", "2"):
        variables = {"OUT": str(lab.out(name)), "VERSION": version}
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )
        functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")


def weigh(lab: Any, name: str, weights: dict[str, float]) -> None:
    lab.client("lambda").update_alias(
        FunctionName=name, Name="live", RoutingConfig={"AdditionalVersionWeights": weights}
    )


def told(lab: Any, name: str, times: int) -> list[tuple[str, str]]:
    """Invoke by the alias; return each time what was executed, by Lambda and by the function."""
    answers = [
        lab.client("lambda").invoke(FunctionName=name, Qualifier="live") for _ in range(times)
    ]
    return [(a["ExecutedVersion"], json.loads(a["Payload"].read())) for a in answers]


@aws_rule(
    page=PAGE,
    says="an alias with a weight sends that share of its invocations to the other version",
    alone="sends all of them to the main version",
)
def test_invocations_are_split_by_an_alias_s_weights(lab: Any) -> None:
    publish(lab, "split")
    assert set(told(lab, "split", 5)) == {("1", "1")}
    weigh(lab, "split", {"2": 0.5})
    # None of one of them in 60 is less likely than once in 10 ** 17.
    assert set(told(lab, "split", 60)) == {("1", "1"), ("2", "2")}
    seen = lab.client("lambda").get_function_configuration(FunctionName="split", Qualifier="live")
    assert seen["Version"] == "1"
    weigh(lab, "split", {})
    assert set(told(lab, "split", 5)) == {("1", "1")}


@aws_rule(
    page=PAGE,
    says="a mapping of an alias follows its weights, batch by batch",
    alone="delivers all batches to the main version",
)
def test_batches_are_split_by_an_alias_s_weights(lab: Any) -> None:
    publish(lab, "batches")
    weigh(lab, "batches", {"2": 0.5})
    lab.stream("batches")
    lab.map("batches", "batches:live", BatchSize=1)
    lab.put("batches", *(str(number) for number in range(60)))

    def versions() -> set[str]:
        noted = [json.loads(path.read_text()) for path in lab.out("batches").glob("*.json")]
        return {each["event"]["Records"][0]["version"] for each in noted}

    lab.wait_for(lambda: versions() == {"1", "2"})


@aws_rule(
    page="Lambda API reference, UpdateAlias",
    says="an alias is changed only if its revision is the one that was read, when one is given",
    alone="the same",
)
def test_an_alias_that_somebody_else_moved_is_left_alone(lab: Any) -> None:
    publish(lab, "moved")
    functions = lab.client("lambda")
    read = functions.get_alias(FunctionName="moved", Name="live")
    weigh(lab, "moved", {"2": 0.1})
    refused = None
    try:
        functions.update_alias(FunctionName="moved", Name="live", RevisionId=read["RevisionId"])
    except functions.exceptions.PreconditionFailedException as error:
        refused = error
    assert refused is not None
