"""A function's environment: validated whole, and each bad variable named."""

import pytest

from pipeline import names
from pipeline.environment import CLIENT_CONFIG, FunctionSettings, clients
from pipeline.errors import UserError


def test_a_right_environment_becomes_settings_and_what_else_is_set_is_left_alone(
    variables: dict[str, str],
) -> None:
    settings = FunctionSettings.from_environment(variables | {"PATH": "/bin", "stream": "other"})
    assert settings.stream == variables[names.ENV_STREAM]
    assert settings.window_seconds == 300
    assert settings.run_seconds_max == 60


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (names.ENV_STREAM, ""),
        (names.ENV_STREAM, None),
        (names.ENV_LEDGER_TABLE, None),
        (names.ENV_LEDGER_TABLE, "ab"),
        (names.ENV_LAKE_BUCKET, None),
        (names.ENV_LAKE_BUCKET, "ab"),
        (names.ENV_WINDOW_SECONDS, None),
        (names.ENV_WINDOW_SECONDS, "0"),
        (names.ENV_WINDOW_SECONDS, "five"),
        (names.ENV_WINDOW_SECONDS, "1.5"),
        (names.ENV_RUN_SECONDS_MAX, "901"),
        (names.ENV_RUN_SECONDS_MAX, "-1"),
        (names.ENV_METRICS_NAMESPACE, ""),
    ],
)
def test_a_bad_variable_is_named_and_no_other(
    variables: dict[str, str], variable: str, value: str | None
) -> None:
    given = {**variables, variable: value}
    with pytest.raises(UserError) as raised:
        FunctionSettings.from_environment({k: v for k, v in given.items() if v is not None})
    said = str(raised.value)
    assert [name for name in variables if name in said] == [variable]
    assert "deploy it with the Pulumi program" in said
    assert "\n" not in said


def test_all_bad_variables_are_named_at_once(variables: dict[str, str]) -> None:
    with pytest.raises(UserError) as raised:
        FunctionSettings.from_environment({})
    assert [name for name in variables if name in str(raised.value)] == list(variables)


def test_every_call_is_bounded_far_inside_the_shortest_run() -> None:
    made = clients(region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    assert set(made) == {"kinesis", "dynamodb", "s3"}
    for client in made.values():
        assert client.meta.config.connect_timeout == CLIENT_CONFIG.connect_timeout
        assert client.meta.config.read_timeout <= 10
        assert client.meta.config.retries["total_max_attempts"] <= 4
