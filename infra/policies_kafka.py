"""IAM statements of Kafka's clients on Amazon MSK.

Amazon MSK developer guide, "Semantics of IAM authorization policy actions and resources": a topic's
and a group's ARN are the cluster's, with another word in it and the name after it.
"""

from infra.policies import Statement, allow


def topic_arn(cluster_arn: str, topic: str) -> str:
    """Return the ARN of a topic of a cluster."""
    return f"{cluster_arn.replace(':cluster/', ':topic/')}/{topic}"


def group_arn(cluster_arn: str, group: str) -> str:
    """Return the ARN of a consumer group of a cluster."""
    return f"{cluster_arn.replace(':cluster/', ':group/')}/{group}"


def read_topic(cluster_arn: str, *, topic: str, group: str) -> list[Statement]:
    """Read one topic as a member of one group, and nothing else of the cluster.

    A worker asks for the topic's settings before it begins (`pipeline.sources.kafka_topic`).
    """
    return [
        allow(["kafka-cluster:Connect"], [cluster_arn]),
        allow(
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:DescribeTopicDynamicConfiguration",
                "kafka-cluster:ReadData",
            ],
            [topic_arn(cluster_arn, topic)],
        ),
        allow(
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"],
            [group_arn(cluster_arn, group)],
        ),
    ]


def make_topic(cluster_arn: str, *, topic: str) -> list[Statement]:
    """Make one topic, and give it more partitions and other properties later.

    A worker does so where MSK does not (`pipeline.sources.kafka_topic_maker`).
    """
    return [
        allow(
            [
                "kafka-cluster:AlterTopic",
                "kafka-cluster:AlterTopicDynamicConfiguration",
                "kafka-cluster:CreateTopic",
            ],
            [topic_arn(cluster_arn, topic)],
        )
    ]


def watch_topic(cluster_arn: str, *, topic: str, group: str) -> list[Statement]:
    """Read one topic by position, and send it canaries as an idempotent producer does.

    A consumer asks where its group is coordinated even if it joins none, and fails on a refusal.
    """
    return [
        allow(["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"], [cluster_arn]),
        allow(
            [
                "kafka-cluster:DescribeTopic",
                "kafka-cluster:ReadData",
                "kafka-cluster:WriteData",
            ],
            [topic_arn(cluster_arn, topic)],
        ),
        allow(["kafka-cluster:DescribeGroup"], [group_arn(cluster_arn, group)]),
    ]
