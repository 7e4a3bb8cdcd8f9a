"""Application Auto Scaling in the emulator's process: ECS services follow a metric.

The pinned ministack has none. `tracking` is pure; `operations` keeps targets and policies, and acts
once a minute by the alarms that each policy has, as AWS does.
"""

from infra.local.autoscaling.operations import install

__all__ = ["install"]
