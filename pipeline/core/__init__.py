"""The pure core: bytes and Arrow in, Arrow and bytes out; no client, clock, random or environment."""
