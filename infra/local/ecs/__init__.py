"""ECS in the emulator's process: a service's tasks run as processes of this environment.

The pinned ministack keeps clusters, task definitions and services, and runs nothing without Docker.
`schedule` and `definition` are pure; `agent` starts, watches and stops tasks by them; `operations`
puts it where ministack looks its own functions up.
"""

from infra.local.ecs.operations import install

__all__ = ["install"]
