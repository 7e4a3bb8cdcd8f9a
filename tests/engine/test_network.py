"""A private network under the real engine: made, left alone, left by the functions, gone."""

from collections.abc import Callable
from typing import Any

UP = ("up", "--yes", "--skip-preview")


def test_a_network_comes_is_no_change_and_goes_by_one_setting(
    engine: Any, aws: Any, package_file: Any, client: Callable[[str], Any]
) -> None:
    engine("stack", "init", "dev")
    engine.set("aws:region", aws.region)
    engine.set("sluice:package_file", str(package_file))
    engine.set("sluice:network", "private")
    own = [{"Name": "tag:project", "Values": ["sluice"]}]

    def networks() -> list[str]:
        return [vpc["VpcId"] for vpc in client("ec2").describe_vpcs(Filters=own)["Vpcs"]]

    made = engine(*UP).steps
    assert set(made) == {"created"}
    (vpc_id,) = networks()
    rules = client("ec2").describe_security_group_rules(Filters=own)["SecurityGroupRules"]
    assert {rule["FromPort"] for rule in rules} == {443}
    groups = client("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}]
    )["SecurityGroups"]
    assert [g["IpPermissionsEgress"] for g in groups if g["GroupName"] == "default"] == [[]]
    function = client("lambda").get_function(FunctionName=engine.outputs()["function_name"])
    assert len(function["Configuration"]["VpcConfig"]["SubnetIds"]) == 3
    assert function["Configuration"]["KMSKeyArn"] == engine.outputs()["key_arn"]

    assert engine(*UP).steps == {"unchanged": made["created"]}
    refreshed = engine("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert refreshed.steps == {"unchanged": made["created"]}

    engine.set("sluice:network", "none")
    assert "replaced" not in engine(*UP).steps
    assert networks() == []
    engine("destroy", "--yes", "--skip-preview")
