"""A given broker is reached by the ports that its addresses name, and nothing else is."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infra.broker_ports import ports_of

THERE = {"package": "local", "broker_cidr": "10.7.0.0/16"}
KAFKA = {
    **THERE,
    "stream": "kafka",
    "kafka_cluster": "given",
    "kafka_security": "tls",
    "service_url": "b-1.example.com:9094,b-2.example.com:9094,b-3.example.com:9095",
}
PULSAR = {
    **THERE,
    "stream": "pulsar",
    "pulsar_cluster": "given",
    "service_url": "pulsar+ssl://pulsar.example.com",
    "pulsar_admin_url": "https://pulsar.example.com:8443",
    "pulsar_bookie_url": "http://bookies.example.com:8000",
}


@pytest.mark.parametrize(
    ("settings", "ports"), [(KAFKA, [9094, 9095]), (PULSAR, [6651, 8000, 8443])]
)
def test_workers_get_out_to_each_port_of_a_given_broker(
    settings: Mapping[str, str], ports: list[int], register: Callable[..., Any]
) -> None:
    rules = [
        rule.inputs
        for rule in register(settings).of_type("SecurityGroupEgressRule")
        if "cidrIpv4" in rule.inputs
    ]
    opened = sorted((rule["fromPort"], rule["toPort"]) for rule in rules)
    assert opened == [(port, port) for port in ports]
    assert {rule["cidrIpv4"] for rule in rules} == {"10.7.0.0/16"}


@pytest.mark.parametrize(
    ("settings", "has_one"),
    [(KAFKA, True), ({"network": "private"}, True), ({}, False)],
)
def test_a_stack_with_a_network_says_how_another_is_joined_with_it(
    settings: Mapping[str, str], has_one: bool, register: Callable[..., Any]
) -> None:
    registered = register(settings)
    wanted = {"vpc_id", "subnet_ids", "callers_group_id", "route_table_id"}
    assert wanted & set(registered.outputs) == (wanted if has_one else set())
    if has_one:
        assert registered.outputs["vpc_id"] == registered.resources["network"].id
        assert len(registered.outputs["subnet_ids"]) == 3


@pytest.mark.parametrize(
    ("address", "ports"),
    [
        ("b-1:9098,b-2:9098", (9098,)),
        ("pulsar://a,b:6652", (6650, 6652)),
        ("https://[::1]", (443,)),
    ],
)
def test_an_address_names_its_ports_or_its_scheme_does(
    address: str, ports: tuple[int, ...]
) -> None:
    assert ports_of(address) == ports
    with pytest.raises(ValueError, match="'broker' has no port; write it as host:port"):
        ports_of(address, "broker")
