"""The command line: it composes what the other packages build; nothing imports it."""
