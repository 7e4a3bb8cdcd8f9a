"""The minute in which Application Auto Scaling acts: capacity follows the alarms of each policy."""
# ruff: noqa: SLF001 - the pinned version's own records are what is worked on

import logging
import time
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, request_scope
from ministack.services import cloudwatch, ecs

from infra.local.autoscaling.tracking import (
    OUT_MINUTES,
    Cooldowns,
    Limits,
    Move,
    scaled_in,
    scaled_out,
)
from infra.local.cloudwatch import series
from infra.local.cloudwatch.series import Window

Request = dict[str, Any]
targets = AccountRegionScopedDict()
"""Scalable targets as they are described, by resource."""
policies = AccountRegionScopedDict()
"""Scaling policies as they are described, by resource and name."""
_log = logging.getLogger(__name__)


def service_of(resource: str) -> Request | None:
    """Return the ECS service that a target names, None if there is none."""
    found: Request | None = ecs._services.get(resource.removeprefix("service/"))
    return found


def act(*, minute_seconds: float) -> bool:
    """Move every service whose alarm says so; return whether any was."""
    moved = False
    for (account, region, key), policy in policies.all_items():
        with request_scope(account, region):
            try:
                moved = _follow(policy, minute_seconds=minute_seconds) or moved
            except Exception:
                _log.exception("scaling policy %s", key)
    return moved


def _follow(policy: Request, *, minute_seconds: float) -> bool:
    """Move one service; return whether it was."""
    target, service = targets[policy["ResourceId"]], service_of(policy["ResourceId"])
    if service is None or service["status"] != "ACTIVE":
        return False
    settings = policy["TargetTrackingScalingPolicyConfiguration"]
    suspended = target["SuspendedState"]
    high, low = (cloudwatch._alarms[alarm["AlarmName"]] for alarm in policy["Alarms"])
    capacity, pace = service["desiredCount"], minute_seconds / 60
    limits = Limits(least=target["MinCapacity"], most=target["MaxCapacity"])
    cooldowns = Cooldowns(
        out=settings.get("ScaleOutCooldown", Cooldowns.out) * pace,
        back=settings.get("ScaleInCooldown", Cooldowns.back) * pace,
    )
    last = _last(policy)
    wanted = capacity
    if high["StateValue"] == "ALARM" and not suspended.get("DynamicScalingOutSuspended"):
        wanted = scaled_out(
            capacity,
            metric=_newest(high, minute_seconds),
            target=settings["TargetValue"],
            limits=limits,
            last=last,
            cooldowns=cooldowns,
        )
    elif (
        low["StateValue"] == "ALARM"
        and not suspended.get("DynamicScalingInSuspended")
        and not settings.get("DisableScaleIn")
    ):
        wanted = scaled_in(capacity, limits=limits, last=last, cooldowns=cooldowns)
    if wanted == capacity:
        return False
    service["desiredCount"] = wanted
    ecs._primary_deployment(service)["desiredCount"] = wanted
    policy["_moved"] = (time.monotonic(), wanted > capacity, wanted)
    return True


def _last(policy: Request) -> Move | None:
    if "_moved" not in policy:
        return None
    at, out, to = policy["_moved"]
    return Move(out=out, to=to, seconds_ago=time.monotonic() - at)


def _newest(alarm: Request, minute_seconds: float) -> float:
    """Return the newest value that an alarm looks at, 0 when it has none."""
    now = time.time() // minute_seconds * minute_seconds
    window = Window(end=now, length=OUT_MINUTES, minute_seconds=minute_seconds)
    known = [value for value in series.points(alarm, window) if value is not None]
    return known[-1] if known else 0.0
