"""What a user replaces: the contracts of their events and the dimensions to enrich them from."""
