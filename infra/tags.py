"""The tags of every resource that can carry any."""

from collections.abc import Mapping
from typing import Any

import pulumi


def tag_everything(tags: Mapping[str, str]) -> None:
    """Give `tags` to each taggable resource that the program makes from here on, beside its own."""

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not hasattr(type(args.resource), "tags"):
            return None
        held: Any = args.props.get("tags") or {}
        # A group of machines has a list of them, and says of each whether its machines get it.
        listed = [{"key": k, "value": v, "propagate_at_launch": True} for k, v in tags.items()]
        merged = [*held, *listed] if isinstance(held, list) else {**held, **tags}
        return pulumi.ResourceTransformationResult(
            props={**args.props, "tags": merged}, opts=args.opts
        )

    pulumi.runtime.register_stack_transformation(add)
