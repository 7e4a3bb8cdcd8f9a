"""A world to test the protocol in: scripted stream and core, manual clock, faults at every step."""
