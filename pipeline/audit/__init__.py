"""Accounting for every event: history x lake x quarantine gives a verdict; pure."""
