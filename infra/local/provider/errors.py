"""What the local provider refuses or fails at."""

from pipeline.errors import UserError


class ProviderError(UserError):
    """The program asked for something that cannot be made; the message names it."""


class UnknownResource(ProviderError):
    """A resource type or function that the local provider has no data for."""


class UnknownProperty(ProviderError):
    """An input that the type's data does not know: silently dropped, it would hide a difference."""


class InvalidParameter(ProviderError):
    """A value that the service's own model refuses."""
