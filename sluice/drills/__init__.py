"""Drills: break a running stack, see its alarm fire, run the runbook, account for every event."""
