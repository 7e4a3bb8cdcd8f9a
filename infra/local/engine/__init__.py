"""The real Pulumi engine: found on PATH, or built once into .tools/ where Go is present."""
