"""What Locust is pointed at: `locust -f loadtests/locustfile.py`; see `loadtests.run`."""

from loadtests.users import PlanShape, ReplayUser, WebActionsUser

__all__ = ["PlanShape", "ReplayUser", "WebActionsUser"]
