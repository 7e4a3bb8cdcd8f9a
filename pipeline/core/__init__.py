"""The pure core: bytes in, Arrow and bytes out; no client, clock, random or environment."""
